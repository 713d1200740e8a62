package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// An upload goes through these steps:
//
//  1. accept   May the key do this, to that path, and is there room for what is offered?
//  2. open     The folder is opened, made if need be, and wrapped as the key permits.
//  3. Package receive does the rest; what it asks of the folder is counted (metered.go), and
//     for who may only upload it is hidden what is there (blind.go).

// upload is the delivery of a visit that brings something.
type upload struct {
	*visit
	ctx     context.Context
	at      []string // where it lands
	account *account
	share   *share
	dest    storage.Destination
	came    func() // the offer did
}

// errNoUpload and errNoDownload are told the peer.
var (
	errNoUpload   = errors.New("this key may only download here")
	errNoDownload = errors.New("whoever comes with this key or code may only upload here")
	errNoDryRun   = errors.New("a dry run tells what is there, and whoever comes with this key or code may only upload here")
)

// upload takes what the peer sends.
func (v *visit) upload(ctx context.Context) (transfer.Result, error) {
	u := &upload{visit: v, ctx: ctx, came: v.expects()}
	defer u.came()
	v.path = text(v.own())
	o := receive.Options{
		Accept: u.accept, Open: u.open, Rehearse: u.rehearse, OnConflict: transfer.ConflictRename, Links: transfer.LinksSafe,
		Metadata: tree.Metadata{Umask: v.server.cfg.Umask}, Limit: v.limit, Observer: v.watch, Most: receive.Limits{Memory: v.server.shares.each},
	}
	if v.grant.Delete {
		o.OnConflict = transfer.ConflictOverwrite
	}
	result, err := receive.Receive(ctx, v.link, o)
	if u.dest != nil {
		if cerr := u.dest.Close(); err == nil {
			err = cerr
		}
	}
	if u.account != nil {
		u.account.close()
	}
	u.share.give()
	return result, err
}

// own is the path of the visit's key.
func (v *visit) own() []string {
	if v.grant.Path == "" {
		return nil
	}
	return strings.Split(v.grant.Path, "/")
}

// blind tells whether the peer may not know what is there.
func (v *visit) blind() bool { return !v.grant.Download }

// accept is receive.Options.Accept.
func (u *upload) accept(ctx context.Context, o transfer.Offer, _ <-chan transfer.Extent) error {
	u.came()
	if !u.grant.Upload {
		return u.refused(CauseNotMay, errNoUpload)
	}
	if o.DryRun && u.blind() {
		return u.refused(CauseNotMay, errNoDryRun)
	}
	names, err := namesIn(o.Place)
	if err != nil {
		return u.refused(CausePath, err)
	}
	u.stays.Store(slices.ContainsFunc(o.Listed, func(i transfer.OfferItem) bool { return i.Kind == tree.Stream }))
	u.at = below(u.own(), names)
	u.path = text(u.at)
	if err := u.server.cfg.Root.Check(u.at); err != nil {
		return u.refused(CausePath, err)
	}
	if u.account, err = u.server.quotas.open(ctx, u.own(), u.grant.Quota, u.at); err == nil {
		err = u.account.fits(ctx, o.Bytes, u.blind())
	}
	switch quota := new(quotaError); {
	case errors.As(err, &quota):
		return u.refused(CauseQuota, &transfer.Error{Op: "offer declined:", Code: framing.CodeNoSpace, Err: err})
	case err != nil:
		return err
	}
	u.share, err = u.server.shares.take(ctx, u.server.makeRoom)
	return err
}

// open is receive.Options.Open.
func (u *upload) open() (storage.Destination, error) {
	owner := ""
	if u.blind() {
		owner = "key " + u.grant.Fingerprint
	}
	if u.key == nil {
		// Many may have the code, and the address is all that tells them apart.
		owner = "code " + u.host
	}
	inner, err := u.folder(owner)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", u.place(), err)
	}
	u.dest = &landing{
		Destination: inner, ctx: u.ctx, account: u.account, replaces: u.grant.Delete && !u.blind(), blind: u.blind(),
		synced: func(d time.Duration) { u.server.counts.sync.Update(d.Seconds()) },
		again:  u.supersede,
	}
	return u.dest, nil
}

// rehearse is receive.Options.Rehearse: for who may know what is there.
func (u *upload) rehearse() (storage.Destination, error) {
	inner, err := u.server.cfg.Root.Rehearsal(u.ctx, u.at)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", u.place(), err)
	}
	u.dest = &rehearsal{inner, u.grant.Delete}
	return u.dest, nil
}

// place is where the delivery lands, as the peer knows it.
func (u *upload) place() string {
	if names := u.at[len(u.own()):]; len(names) > 0 {
		return fmt.Sprintf("%q, which is to be a folder here", text(names))
	}
	return "the folder of this key"
}

// folder opens where the delivery lands. For who is blind a folder of the place whose name is
// another item's gets the name that is free next, as one of the delivery would.
func (u *upload) folder(owner string) (storage.Destination, error) {
	root := u.server.cfg.Root
	d, err := root.Destination(u.ctx, u.at, owner)
	if err == nil || !u.blind() || !taken(err) {
		return d, err
	}
	at := slices.Clone(u.at)
	for n := len(u.own()) + 1; n <= len(at); n++ {
		name := at[n-1]
		d, err = root.Destination(u.ctx, at[:n], owner)
		for i := 1; taken(err) && i <= mostRenames && u.ctx.Err() == nil; i++ {
			at[n-1] = storage.Alternative(name, i)
			d, err = root.Destination(u.ctx, at[:n], owner)
		}
		if err != nil {
			return nil, err
		}
		if n < len(at) {
			if err := d.Close(); err != nil {
				return nil, err
			}
		}
	}
	u.path = text(at)
	return d, err
}

// supersede ends the visits of the same key that are lost: one of them has a file that is
// wanted now, so its client has been started again. It returns whether there was one.
func (u *upload) supersede() bool {
	lost := u.server.guests.again(u.visit, true)
	for _, o := range lost {
		o.end(errAgain)
	}
	for _, o := range lost {
		select {
		case <-o.done:
		case <-u.ctx.Done():
		}
	}
	return len(lost) > 0
}
