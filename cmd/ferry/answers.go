package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"ferry/transfer"
	"ferry/transfer/tree"
)

// answers asks a program: each question is an object of --json, and the answers are lines
// on standard input (--answers -). One goroutine at a time asks. A line is read only while
// a question stands, so that none costs memory; one that was written earlier counts if it
// names the question.
type answers struct {
	to    *jsonRenderer
	typed *typed
	last  int64 // id of the question asked last
	cut   bool  // what is left of a line that was too long comes next
}

// maxIgnored is how many lines that answer nothing a question bears. More of them count as
// the end of the input: whoever writes them does not know what is asked.
const maxIgnored = 100

func newAnswers(env *Env, to *jsonRenderer) *answers {
	return &answers{to: to, typed: &typed{from: env.Stdin}}
}

// ask shows q and returns the answer, one of q.Answers. The end of the input is io.EOF.
func (a *answers) ask(ctx context.Context, q jsonQuestion) (string, error) {
	a.last++
	q.Type, q.ID = "question", a.last
	a.to.send(q)
	for range maxIgnored {
		line, err := a.typed.line(ctx)
		cut := a.cut
		a.cut = errors.Is(err, errLongLine)
		switch {
		case a.cut && cut:
			continue // more of it
		case a.cut:
			a.to.send(jsonIgnored{"ignored", a.last, fmt.Sprintf("a line of more than %d bytes", maxAnswer)})
			continue
		case err != nil:
			return "", err
		case cut:
			continue // the end of it
		}
		answer, why := a.parse(line, q.Answers)
		if why == "" {
			return answer, nil
		}
		a.to.send(jsonIgnored{"ignored", a.last, why})
	}
	return "", io.EOF
}

// parse reads a line, and says why it does not answer the question that stands.
func (a *answers) parse(line string, known []string) (answer, why string) {
	var said struct {
		ID     *int64  `json:"id"`
		Answer *string `json:"answer"`
	}
	switch err := json.Unmarshal([]byte(line), &said); {
	case err != nil || said.ID == nil || said.Answer == nil:
		return "", `an answer is a line such as {"id":1,"answer":"yes"}`
	case *said.ID < a.last:
		return "", fmt.Sprintf("question %d was asked before", *said.ID)
	case *said.ID > a.last:
		return "", fmt.Sprintf("question %d is not asked", *said.ID)
	case !slices.Contains(known, *said.Answer):
		return "", fmt.Sprintf("the answers to this question are %q", known)
	}
	return *said.Answer, ""
}

// accept returns a function that asks whether to take an offer. More of it is told while
// the question stands.
func (a *answers) accept(to *landing) func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
	return func(ctx context.Context, o transfer.Offer, grown <-chan transfer.Extent) error {
		o.Extent = waitCount(ctx, o.Extent, grown)
		p := to.proposal(o)
		q := jsonQuestion{Kind: "accept", Answers: []string{"yes", "no"}, jsonOffer: offerObject(o), Place: pathOf(p.place).Path, Free: p.known()}
		asking, answered := context.WithCancel(ctx)
		var following sync.WaitGroup
		following.Go(func() {
			follow(asking, o.Extent, grown, jsonTick, func(e transfer.Extent) {
				more := o
				more.Extent = e
				a.to.send(offerObject(more))
			})
		})
		answer, err := a.ask(ctx, q)
		answered()
		following.Wait()
		if err == io.EOF || err == nil && answer != "yes" {
			return errDeclined
		}
		return err
	}
}

// resolve asks what to do about a conflict.
func (a *answers) resolve(ctx context.Context, k transfer.Conflict) (transfer.ConflictPolicy, error) {
	policies := []transfer.ConflictPolicy{transfer.ConflictOverwrite, transfer.ConflictSkip, transfer.ConflictRename, transfer.ConflictFail}
	q := jsonQuestion{
		Kind: "conflict", Answers: []string{"overwrite", "skip", "rename", "fail"},
		jsonConflict: &jsonConflict{pathOf(k.Path), versionOf(k.Existing.Kind, k.Existing.Size, k.Existing.MTime), versionOf(k.Offered.Kind, k.Offered.Size, k.Offered.MTime)},
	}
	answer, err := a.ask(ctx, q)
	if err == io.EOF {
		return transfer.ConflictFail, nil
	}
	if err != nil {
		return transfer.ConflictFail, err
	}
	return policies[slices.Index(q.Answers, answer)], nil
}

// jsonQuestion is a question that a program answers, with the fields of its kind.
type jsonQuestion struct {
	Type    string   `json:"type"` // question
	ID      int64    `json:"id"`
	Kind    string   `json:"kind"` // accept, conflict
	Answers []string `json:"answers"`
	*jsonOffer
	Place string `json:"place,omitempty"`
	Free  *int64 `json:"free,omitempty"`
	*jsonConflict
}

type jsonConflict struct {
	jsonPath
	Existing jsonVersion `json:"existing"`
	Offered  jsonVersion `json:"offered"`
}

// jsonVersion is one of the two items of a conflict.
type jsonVersion struct {
	Kind  string `json:"kind"`
	Size  *int64 `json:"size,omitempty"` // of a file
	MTime string `json:"mtime"`
}

func versionOf(kind tree.Kind, size int64, mtime tree.Time) jsonVersion {
	v := jsonVersion{Kind: kindText(kind), MTime: time.Unix(mtime.Sec, int64(mtime.Nsec)).UTC().Format(time.RFC3339Nano)}
	if kind == tree.File {
		v.Size = sizeOf(size)
	}
	return v
}

// jsonIgnored tells of a line of standard input that does not answer the question.
type jsonIgnored struct {
	Type    string `json:"type"` // ignored
	ID      int64  `json:"id"`
	Message string `json:"message"`
}
