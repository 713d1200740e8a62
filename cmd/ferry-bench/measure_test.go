package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// reference has a name of ours.
const reference = "ferry-copy"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a tool that copies, and then spoils the copy, which is its folder then.
func fake(name, spoil string) tool {
	return tool{name: name, near: `sh -c rm -rf "$DST/$NAME" && cp -R "$SRC" "$DST" && cd "$DST/$NAME" && ` + cmp.Or(spoil, "true")}
}

// absent is a tool that nobody has.
func absent(name string) tool { return tool{name: name, needs: "ferry-bench-has-no-such-program"} }

// measureFakes measures small data and checks that nothing is left behind.
func measureFakes(t *testing.T, ctx context.Context, workloadList string, list ...tool) (stdout, stderr string, rep report, err error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	chosen, err := choose(workloads(), "-workload", workloadList)
	if err != nil {
		t.Fatal(err)
	}
	figures := filepath.Join(t.TempDir(), "figures")
	o := options{size: 100_000, files: 250, rounds: 2, dir: dir, tools: list, workloads: chosen, links: []link{{}}, json: figures, svg: figures + ".svg"}
	var out, messages bytes.Buffer
	err = measure(ctx, o, &out, &messages)
	left, rerr := os.ReadDir(dir)
	if rerr != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, rerr)
	}
	if text, rerr := os.ReadFile(figures); rerr == nil {
		if rerr := json.Unmarshal(text, &rep); rerr != nil {
			t.Error(rerr)
		}
	}
	checkChart(t, o.svg, &rep)
	return out.String(), messages.String(), rep, err
}

// checkChart looks in the chart for each tool that the figures have, and for no other.
func checkChart(t *testing.T, path string, rep *report) {
	t.Helper()
	text, err := os.ReadFile(path)
	var bars, want int
	for _, r := range rep.Results {
		for _, tool := range r.Tools {
			if tool.Error == "" {
				want++
			}
		}
	}
	if want == 0 {
		if err == nil {
			t.Error("a chart of nothing")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
		if word, ok := token.(xml.CharData); ok && strings.Contains(string(word), " s") && strings.Contains(string(word), ".") {
			bars++
		}
	}
	if bars < want || !strings.Contains(string(text), rep.Host) {
		t.Errorf("the chart has %d bars of %d, or not %q:\n%s", bars, want, rep.Host, text)
	}
}

func TestMeasure(t *testing.T) {
	stdout, stderr, rep, err := measureFakes(t, t.Context(), "large,small,again",
		fake(reference, ""), absent("absent"), fake("other", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stderr, "left out: absent: exec: ") {
		t.Errorf("no reason for the missing tool: %s", stderr)
	}
	if n := strings.Count(stderr, ": other: "); n != 6 {
		t.Errorf("%d runs of a tool with two rounds of three workloads", n)
	}
	for _, want := range []string{
		"one file of 97.66 KiB, over loopback, rounds: 2", "250 files", "nothing changed",
		reference + " takes", "other", " MiB", "100 %",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the tables lack %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "absent") {
		t.Errorf("the tables have a tool that never ran:\n%s", stdout)
	}
	if len(rep.Results) != 3 || len(rep.LeftOut) != 1 {
		t.Fatalf("the figures have %d results, %v", len(rep.Results), rep.LeftOut)
	}
	r := rep.Results[0]
	if r.Workload != "large" || r.Bytes != 100_000 || len(r.Tools) != 2 {
		t.Errorf("the first result: %+v", r)
	}
	if other := r.Tools[1]; len(other.Rounds) != 2 || other.Rounds[0].Seconds <= 0 || other.Rounds[0].Near.CPU <= 0 {
		t.Errorf("the other tool: %+v", other)
	}
}

func TestMeasureFindsBadCopies(t *testing.T) {
	for name, spoil := range map[string]string{
		"flipped":     `printf x | dd of=file bs=1 seek=99999 conv=notrunc 2>/dev/null`,
		"short":       `head -c 99999 "$SRC/file" >file`,
		"long":        `echo >>file`,
		"missing":     `rm file`,
		"superfluous": `: >more`,
		"beside":      `: >../more`,
		"link":        `mv file x && ln -s x file`,
		"a folder":    `mkdir more`,
		"no folder":   `cd .. && mv "$NAME/file" x && rmdir "$NAME" && mv x "$NAME"`,
		"failing":     `exit 1`,
	} {
		t.Run(name, func(t *testing.T) {
			stdout, _, rep, err := measureFakes(t, t.Context(), "large", fake(reference, ""), fake("bad", spoil))
			if !errors.Is(err, errFailed) {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(stdout, "failed: ") {
				t.Errorf("the table does not say that it failed:\n%s", stdout)
			}
			if len(rep.Results) != 1 {
				t.Fatalf("%d results", len(rep.Results))
			}
			good, bad := rep.Results[0].Tools[0], rep.Results[0].Tools[1]
			if bad.Error == "" || len(bad.Rounds) != 0 {
				t.Errorf("figures of the bad tool: %+v", bad)
			}
			if good.Error != "" || len(good.Rounds) != 2 {
				t.Errorf("the good tool did not go on: %+v", good)
			}
		})
	}
}

func TestMeasureNeedsItsReference(t *testing.T) {
	_, _, _, err := measureFakes(t, t.Context(), "large", absent(reference))
	if err == nil || !strings.Contains(err.Error(), "preparing ferry-copy: ") {
		t.Errorf("error %v", err)
	}
}

func TestMeasureLeavesOutWhatIsUnsuited(t *testing.T) {
	peg := fake("peg", "")
	peg.single = true
	stdout, stderr, rep, err := measureFakes(t, t.Context(), "small", fake(reference, ""), peg)
	if err != nil || strings.Contains(stdout, "peg") || strings.Count(stderr, "left out: peg: small: loopback: "+errUnsuited.Error()) != 1 || len(rep.LeftOut) != 1 {
		t.Errorf("%v\n%s\n%s\n%v", err, stdout, stderr, rep.LeftOut)
	}
}

func TestMeasureInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := filepath.Join(t.TempDir(), "began")
	if err := exec.Command("mkfifo", began).Run(); err != nil {
		t.Skip(err)
	}
	go func() {
		_, _ = os.ReadFile(began) // it runs
		cancel()
	}()
	if _, _, _, err := measureFakes(t, ctx, "large", fake(reference, "echo >"+began+"; sleep 1000")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A tool that is interrupted at its 94th percent, keeps less, and then completes the file.
func TestResume(t *testing.T) {
	resumes := tool{name: reference, flags: "forget", resume: "use", near: `sh -c [ $FLAGS = use ] || exit 9
		if [ -e "$DST/large" ]; then cp "$SRC/file" "$DST/large"; exit; fi
		trap 'rm "$DST/partial"; mkdir "$DST/large"; head -c 93000 "$SRC/file" >"$DST/large/file"; exit 1' TERM
		head -c 94000 "$SRC/file" >"$DST/partial"; sleep 1000 & wait`}
	_, stderr, rep, err := measureFakes(t, t.Context(), "resume", resumes, fake("quick", ""))
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != 1 || len(rep.Results[0].Tools) != 1 || len(rep.Results[0].Tools[0].Rounds) != 2 {
		t.Fatalf("results %+v", rep.Results)
	}
	for _, round := range rep.Results[0].Tools[0].Rounds {
		if round.Had < 90_000 || round.Had > 94_000 {
			t.Errorf("%d bytes were there before", round.Had)
		}
	}
	if !strings.Contains(stderr, "left out: quick: resume: loopback: "+errTooQuick.Error()) {
		t.Errorf("a tool that was not interrupted counts:\n%s", stderr)
	}
}
