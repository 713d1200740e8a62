package main

import (
	"encoding/json"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/tree"
)

// The objects of --json, one a line; JSON.md beside this file documents them.
// Sizes are bytes, times milliseconds. A field with omitempty is absent when it
// says nothing.

// jsonStart is the first line of every command with --json.
type jsonStart struct {
	Type     string `json:"type"` // start
	Version  string `json:"version"`
	Protocol int    `json:"protocol"`
}

func startObject() jsonStart { return jsonStart{"start", buildVersion(), framing.Version} }

type jsonListening struct {
	Type      string   `json:"type"` // listening
	Addresses []string `json:"addresses"`
	Command   string   `json:"command"`        // for the other side
	Code      string   `json:"code,omitempty"` // one made up here
}

type jsonLink struct {
	Type      string `json:"type"`               // waiting, connected, code_refused, dropped, lost, retrying, rejoined
	Receiver  int    `json:"receiver,omitempty"` // of several; 0: of one, or not known yet
	Address   string `json:"address"`
	Attempts  int    `json:"attempts,omitempty"`
	Limit     int    `json:"limit,omitempty"` // of wrong codes
	ElapsedMS int64  `json:"elapsed_ms,omitempty"`
	WindowMS  int64  `json:"window_ms,omitempty"`
	Message   string `json:"message,omitempty"`
}

type jsonStalled struct {
	Type      string `json:"type"` // stalled
	ElapsedMS int64  `json:"elapsed_ms"`
	Message   string `json:"message"`
}

type jsonLimit struct {
	Type    string `json:"type"` // limit
	Rate    int64  `json:"rate"` // bytes a second; 0: none
	Message string `json:"message,omitempty"`
}

type jsonPhase struct {
	Type  string `json:"type"` // phase
	Phase string `json:"phase"`
}

type jsonOffer struct {
	Type   string          `json:"type"` // offer
	Peer   string          `json:"peer"`
	Items  int64           `json:"items"`
	Bytes  int64           `json:"bytes"`
	Exact  bool            `json:"exact"`
	DryRun bool            `json:"dry_run,omitempty"`
	Text   bool            `json:"text,omitempty"`
	Listed []jsonOfferItem `json:"listed"`
	Extent *jsonExtent     `json:"announced,omitempty"`
}

// jsonExtent is how much of an offer was announced so far.
type jsonExtent struct {
	Files   int64 `json:"files"`
	Folders int64 `json:"folders"`
	Others  int64 `json:"others"`
	Bytes   int64 `json:"bytes"`
	Whole   bool  `json:"whole"`
}

func offerObject(offer transfer.Offer) *jsonOffer {
	o := &jsonOffer{"offer", offer.Peer, offer.Items, offer.Bytes, offer.Exact, offer.DryRun, offer.Text, []jsonOfferItem{}, nil}
	for _, it := range offer.Listed {
		o.Listed = append(o.Listed, jsonOfferItem{kindText(it.Kind), pathOf(it.Name), sizeOf(it.Size)})
	}
	if e := offer.Extent; e != (transfer.Extent{}) {
		o.Extent = &jsonExtent{e.Files, e.Folders, e.Others, e.Bytes, e.Whole}
	}
	return o
}

// jsonText is a message, as it was sent.
type jsonText struct {
	Type string `json:"type"` // text
	Text string `json:"text"`
}

type jsonOfferItem struct {
	Kind string `json:"kind"`
	jsonPath
	Size *int64 `json:"size,omitempty"`
}

type jsonProgress struct {
	Type  string `json:"type"` // progress
	Bytes int64  `json:"bytes"`
	Moved int64  `json:"moved"`
	Total int64  `json:"total"`
	Done  int64  `json:"done"`
	Items int64  `json:"items"`
	Exact bool   `json:"exact"`
	Kept  int64  `json:"kept,omitempty"`
	Rate  int64  `json:"rate"` // bytes a second; 0 while none is known
	Left  *int64 `json:"left_ms,omitempty"`
}

func progressObject(v view) jsonProgress {
	p := v.progress
	j := jsonProgress{Type: "progress", Bytes: p.Bytes, Moved: p.Moved, Total: p.Total, Done: p.Done, Items: p.Items, Exact: p.Exact, Kept: p.Kept}
	if v.hasRate {
		j.Rate = int64(v.rate)
	}
	if v.hasLeft {
		j.Left = new(v.left.Milliseconds())
	}
	return j
}

// jsonPath is a name: Path is its text, made readable when it is not UTF-8,
// and then Base64 has the exact bytes.
type jsonPath struct {
	Path   string `json:"path"`
	Base64 string `json:"path_b64,omitempty"`
}

type jsonStarted struct {
	Type string `json:"type"` // started
	jsonPath
	Size  *int64 `json:"size,omitempty"`
	Reuse int64  `json:"reuse"`
}

type jsonItem struct {
	Type string `json:"type"` // item
	jsonPath
	Kind    string `json:"kind"`
	Status  string `json:"status"`
	Cause   string `json:"cause,omitempty"`
	Size    *int64 `json:"size,omitempty"`
	Digest  string `json:"digest,omitempty"`
	NewName string `json:"new_name,omitempty"`
	NewB64  string `json:"new_name_b64,omitempty"`
}

type jsonDeleted struct {
	Type string `json:"type"` // deleted, would_delete
	jsonPath
	Kind string `json:"kind"`
	Size *int64 `json:"size,omitempty"`
}

type jsonFailed struct {
	Type string `json:"type"` // failed
	jsonPath
	Code    uint8  `json:"code"` // of framing/PROTOCOL.md
	Cause   string `json:"cause"`
	Message string `json:"message,omitempty"`
	Remote  bool   `json:"remote"`
}

type jsonWarned struct {
	Type string `json:"type"` // warned
	jsonPath
	What    string `json:"what"`
	Code    uint8  `json:"code"`
	Cause   string `json:"cause"`
	Message string `json:"message,omitempty"`
	Remote  bool   `json:"remote"`
}

// jsonLoss is one kind of metadata that so many items do not have.
type jsonLoss struct {
	What  string `json:"what"`
	Items int64  `json:"items"`
	Cause string `json:"cause"`
}

type jsonNotice struct {
	Type string `json:"type"` // notice
	jsonPath
	Message string `json:"message"`
	Remote  bool   `json:"remote,omitempty"`
	Stays   bool   `json:"stays,omitempty"`
}

type jsonExcluded struct {
	Type string `json:"type"` // excluded
	jsonPath
	By string `json:"by"`
}

type jsonResult struct {
	Type         string         `json:"type"` // result
	OK           bool           `json:"ok"`
	Exit         int            `json:"exit"`
	DryRun       bool           `json:"dry_run,omitempty"`
	Delivered    int64          `json:"delivered"`
	Replaced     int64          `json:"replaced"`
	Same         int64          `json:"same"`
	Adjusted     int64          `json:"adjusted"`
	Skipped      int64          `json:"skipped"`
	Excluded     int64          `json:"excluded"`
	Deleted      int64          `json:"deleted"`
	Backups      int64          `json:"backups,omitempty"`
	Escaped      int64          `json:"escaped,omitempty"`
	Removed      int64          `json:"removed,omitempty"`
	Stayed       int64          `json:"stayed,omitempty"`
	Failed       int64          `json:"failed"`
	Files        int64          `json:"files"`
	Bytes        int64          `json:"bytes"`
	Moved        int64          `json:"moved"`
	Wire         int64          `json:"wire_bytes"`
	Resent       int64          `json:"resent"`
	Streams      int            `json:"streams"`
	Reused       int64          `json:"reused"`
	Durable      bool           `json:"durable"`
	Unsynced     string         `json:"unsynced,omitempty"`
	Losses       int            `json:"losses,omitempty"`
	Acknowledged bool           `json:"acknowledged"`
	ElapsedMS    int64          `json:"elapsed_ms"`
	Path         string         `json:"path,omitempty"`
	DurableBy    string         `json:"durable_by,omitempty"` // disk, store
	Store        string         `json:"store,omitempty"`
	Receivers    *jsonReceivers `json:"receivers,omitempty"`
	Manifest     string         `json:"manifest,omitempty"`
	Unlisted     int64          `json:"unlisted,omitempty"`
	Lost         []jsonLoss     `json:"lost,omitempty"`
	Unmet        []string       `json:"unmet,omitempty"`
	Error        *jsonError     `json:"error,omitempty"`
}

// jsonReceivers is how many of several receivers have their receipt.
type jsonReceivers struct {
	Receipts int `json:"receipts"`
	Expected int `json:"expected"`
}

type jsonError struct {
	Code    string `json:"code"` // see outcome.word
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// jsonLine encodes one object and its newline.
func jsonLine(v any) []byte {
	// Structs of strings, numbers and booleans: encoding them cannot fail.
	line, err := json.Marshal(v)
	if err != nil {
		panic("encoding JSON: " + err.Error())
	}
	return append(jsonSafe(line), '\n')
}

// pathOf is a name for JSON. Escaped text may be that of another name too; the
// exact bytes beside it settle that.
func pathOf(name string) jsonPath {
	b64 := base64Of(name)
	if b64 != "" {
		name = plain(name)
	}
	return jsonPath{name, b64}
}

// sizeOf leaves out a size that is not known, which is no size of 0.
func sizeOf(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// kindText names a kind, the same for people and for programs.
func kindText(k tree.Kind) string {
	switch k {
	case tree.File:
		return "file"
	case tree.Folder, tree.Root:
		return "folder"
	case tree.Symlink:
		return "symlink"
	case tree.HardLink:
		return "hardlink"
	case tree.Stream:
		return "stream"
	case tree.FIFO:
		return "fifo"
	case tree.Socket:
		return "socket"
	case tree.CharDevice, tree.BlockDevice:
		return "device"
	}
	return "other"
}

// jsonEvent is the object for an event of a delivery, nil for one that has none.
// Messages are made readable, since they may quote names in any encoding.
func jsonEvent(e transfer.Event) any {
	switch e := e.(type) {
	case transfer.PhaseChanged:
		return jsonPhase{"phase", e.Phase.String()}
	case transfer.Offered:
		return offerObject(e.Offer)
	case transfer.ItemStarted:
		return jsonStarted{"started", pathOf(e.Path), sizeOf(e.Size), e.Reuse}
	case transfer.ItemDone:
		it := jsonItem{Type: "item", jsonPath: pathOf(e.Path), Kind: kindText(e.Kind), Status: e.Status.String(), Cause: skipCause(e.Cause)}
		if e.DryRun {
			it.Status = wouldStatus(e.Status)
		}
		if e.Kind == tree.File || e.Kind == tree.Stream {
			it.Size = sizeOf(e.Size)
		}
		if e.Hashed {
			it.Digest = e.Digest.String()
		}
		if e.NewName != "" {
			n := pathOf(e.NewName)
			it.NewName, it.NewB64 = n.Path, n.Base64
		}
		return it
	case transfer.ItemDeleted:
		d := jsonDeleted{"deleted", pathOf(e.Path), kindText(e.Kind), sizeOf(e.Size)}
		if e.DryRun {
			d.Type = "would_delete"
		}
		return d
	case transfer.ItemKept:
		return jsonKeptOf(e)
	case transfer.ItemEscaped:
		return jsonEscapedOf(e)
	case transfer.ItemRemoved:
		return jsonRemovedOf(e)
	case transfer.ItemFailed:
		f := jsonFailed{Type: "failed", jsonPath: pathOf(e.Path), Code: uint8(e.Err.Code), Cause: e.Err.Code.String(), Remote: e.Err.Remote}
		if e.Err.Err != nil {
			f.Message = tell(bare(e.Err.Err))
		}
		return f
	case transfer.ItemWarned:
		w := jsonWarned{Type: "warned", jsonPath: pathOf(e.Path), What: e.What.String(), Code: uint8(e.Code), Cause: e.Code.String(), Remote: e.Remote}
		if e.Err != nil {
			w.Message = tell(bare(e.Err))
		}
		return w
	case transfer.ItemExcluded:
		return jsonExcluded{"excluded", pathOf(e.Path), tell(e.Exclusion.String())}
	case transfer.Notice:
		return jsonNotice{"notice", pathOf(e.Path), tell(bare(e.Err)), e.Remote, e.Stays}
	}
	return nil
}
