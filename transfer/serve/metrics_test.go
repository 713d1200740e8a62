package serve

import (
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ferry/transfer/keys"
)

// series is a line of Prometheus' text format: a name, labels in quotes, and a number.
var series = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:, ?[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*")*\})?) ([^ ]+)$`)

// numbers reads all series of a server, strictly.
func numbers(t *testing.T, s *Server) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	s.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	all := make(map[string]float64)
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		m := series.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no series: %q", line)
			continue
		}
		v, err := strconv.ParseFloat(m[2], 64)
		if _, twice := all[m[1]]; twice || err != nil || math.IsNaN(v) {
			t.Errorf("%q: %v, there already: %v", line, err, twice)
		}
		if strings.Contains(line, "SHA256") || strings.Contains(line, "127.0.0") {
			t.Errorf("somebody is named: %q", line)
		}
		all[m[1]] = v
	}
	return all
}

// The numbers can be read, are there before anything happens, and say what happened.
func TestNumbers(t *testing.T) {
	r := start(t, t.TempDir(), nil)
	for _, name := range []string{
		`ferry_deliveries_total{direction="upload",exit="0"}`, `ferry_bytes_total{direction="download"}`, `ferry_refused_total{cause="quota"}`,
		"ferry_links", "ferry_links_lost", "ferry_draining", "ferry_memory_shared_bytes", "ferry_deliveries_waiting",
	} {
		if v, ok := numbers(t, r.server)[name]; !ok || v != 0 {
			t.Errorf("%s is %v at first, there: %v", name, v, ok)
		}
	}
	key := r.allow(keys.Grant{Upload: true, Download: true})
	src := write(t, t.TempDir(), map[string]string{"f": strings.Repeat("f", 5000)})
	if _, err := r.put(key, "", filepath.Join(src, "f")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.get(key, "f", "absent"); err == nil {
		t.Fatal("something absent came")
	}
	if _, err := r.put(newSigner(t), "", filepath.Join(src, "f")); err == nil {
		t.Fatal("a stranger came in")
	}
	want := map[string]float64{
		`ferry_deliveries_total{direction="upload",exit="0"}`: 1, `ferry_deliveries_total{direction="download",exit="1"}`: 1,
		`ferry_bytes_total{direction="upload"}`: 5000, `ferry_bytes_total{direction="download"}`: 5000, `ferry_items_total{direction="upload"}`: 1,
		`ferry_refused_total{cause="key"}`: 1, `ferry_refused_total{cause="stranger"}`: 0, "ferry_links": 0, `ferry_delivery_seconds_count{direction="upload"}`: 1,
	}
	for end := time.Now().Add(enough); ; {
		got, wrong := numbers(t, r.server), ""
		for name, v := range want {
			if got[name] != v {
				wrong += name + " is " + strconv.FormatFloat(got[name], 'g', -1, 64) + "\n"
			}
		}
		if got["ferry_sync_seconds_count"] < 2 {
			wrong += "no sync\n"
		}
		if wrong == "" {
			break
		}
		if time.Now().After(end) { // the server counts a little after the client is done
			t.Fatal(wrong)
		}
	}
	w := httptest.NewRecorder()
	r.server.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof", nil))
	if w.Code != 404 {
		t.Errorf("another path: %d", w.Code)
	}
}

// removeAll empties a folder.
func removeAll(dir string) error {
	names, err := os.ReadDir(dir)
	for _, n := range names {
		if e := os.RemoveAll(filepath.Join(dir, n.Name())); err == nil {
			err = e
		}
	}
	return err
}
