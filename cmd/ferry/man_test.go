package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "write ferry.1 anew")

// manualText holds what only the manual page says: each environment variable and file
// that ferry knows, with what it is for.
var manualText = struct{ environment, files []example }{
	environment: []example{
		{"FERRY_SSH", "A program and its arguments that copy runs in the place of ssh. --ssh outweighs it."},
		{"FERRY_REMOTE_DIR", "A folder with ferry for other systems, as ferry-linux-arm64, from which --push takes it."},
		{"SSH_ASKPASS", "Without a terminal, and if it is not set, copy lets ssh ask nobody for a password."},
		{"SSH_CONNECTION, XDG_RUNTIME_DIR", "At the far end of ssh, the addresses of both sides, and a folder for what waits for a lost ssh."},
		{"FERRY_CODE", "The code that both sides share. It is used unless --code-file is given, and nobody is asked for it then."},
		{"FERRY_FIND", "Where the other side is looked for, as --find says it. off asks and answers nothing on the local network, and leaves a copy by ssh in ssh."},
		{"FERRY_RELAY", "The relay to meet at, as --relay names it, where no address is given."},
		{"FERRY_RELAY_TOKEN", "The token that the relay asks for, without --relay-token."},
		{"SSH_AUTH_SOCK", "The socket of ssh-agent, whose keys are shown to a ferry serve before those of files."},
		{"HOME, USERPROFILE", "The folder that has .ssh with the keys to show to a ferry serve. The second is for Windows."},
		{"XDG_CONFIG_HOME", "The folder that has ferry/known_hosts, in place of .config below the home."},
		{"ALL_PROXY, NO_PROXY", "The proxy to call through, as --proxy names it, and what is called without it. all_proxy and no_proxy serve as well."},
		{"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN", "The credentials for a place in a store, s3://BUCKET/PREFIX."},
		{"AWS_CA_BUNDLE", "A file of certificates in PEM that are trusted beside those of the system, for a store by https."},
		{"AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE", "Without them, the profile to take them from, and the files that have it in the place of those in ~/.aws."},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN", "Without those too, where the role of the machine has its credentials. It is asked at last."},
		{"AWS_EC2_METADATA_DISABLED", "true: no service of the machine is asked for credentials."},
		{"AWS_REGION, AWS_DEFAULT_REGION", "The region of the bucket."},
		{"AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL", "The URL of the store, without --s3-endpoint."},
		{"HTTPS_PROXY, HTTP_PROXY", "The proxy to a store. NO_PROXY holds here too."},
		{"LC_ALL, LC_CTYPE, LANG", "The first of them that is set says whether the terminal takes UTF-8, and the bar its blocks."},
		{"GOMAXPROCS", "How many processors the Go runtime uses, and so how many files are read or written at a time. Unset, those that the process may use."},
		{"NO_COLOR", "If it is set and not empty, nothing is coloured or bold."},
		{"TERM", "If it is dumb, no line on the screen changes, and progress is told line by line."},
	},
	files: []example{
		{".ferry-partial/", "In the destination: files that are not complete yet. It is removed when it is empty, and what no delivery claims goes after 30 days. Where that name is another user's it is .ferry-partial-UID."},
		{".ferryignore", "In a folder that is sent with --ferryignore: which items below it are left out, in the syntax of gitignore."},
	},
}

// The embedded page says what help says today.
func TestManualPage(t *testing.T) {
	page := manualOf(newApp(&Env{}))
	if *update {
		if err := os.WriteFile("ferry.1", []byte(page), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != manualPage {
		t.Error("ferry.1 is not what the flags, examples and topics make: run go generate ./cmd/ferry, and keep the result")
	}
}

// Each variable that ferry asks for is in the manual page.
func TestManualPageNamesTheEnvironment(t *testing.T) {
	asked := regexp.MustCompile(`[gG]etenv\((codeVariable|findVariable|relayVariable|tokenVariable|"[A-Z_]+")\)`)
	listed := regexp.MustCompile(`range \[\]string\{(.*)\} \{\n.*[gG]etenv\(name\)`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range asked.FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
		for _, m := range listed.FindAllStringSubmatch(string(source), -1) {
			names = append(names, strings.Split(m[1], ", ")...)
		}
		for _, name := range names {
			name = strings.ReplaceAll(strings.Trim(name, `"`), "codeVariable", codeVariable)
			name = strings.NewReplacer("findVariable", findVariable, "relayVariable", relayVariable, "tokenVariable", tokenVariable).Replace(name)
			seen++
			if !slices.ContainsFunc(manualText.environment, func(e example) bool { return slices.Contains(strings.Split(e.line, ", "), name) }) {
				t.Errorf("%s asks for %s, and manualText in man_test.go does not say what it is for", file, name)
			}
		}
	}
	if seen < 6 {
		t.Errorf("only %d variables were found", seen)
	}
}

// So is each variable that says who asks a store, and where it is.
func TestManualPageNamesTheEnvironmentOfStores(t *testing.T) {
	asked := regexp.MustCompile(`"(AWS_[A-Z0-9_]+)"`)
	files, err := filepath.Glob(filepath.Join(top, "transfer", "object", "bucket", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(source), -1) {
			seen++
			if !slices.ContainsFunc(manualText.environment, func(e example) bool { return slices.Contains(strings.Split(e.line, ", "), m[1]) }) {
				t.Errorf("%s asks for %s, and manualText in man_test.go does not say what it is for", file, m[1])
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d variables were found", seen)
	}
}

// Those who read manual pages find nothing wrong with it.
func TestManualPageIsSound(t *testing.T) {
	for _, linter := range [][]string{
		{"mandoc", "-T", "lint", "-W", "warning"},
		{"groff", "-man", "-ww", "-z", "-Tutf8"},
	} {
		t.Run(linter[0], func(t *testing.T) {
			path, err := exec.LookPath(linter[0])
			if err != nil {
				t.Skipf("%s is not installed", linter[0])
			}
			cmd := exec.Command(path, linter[1:]...)
			cmd.Stdin = strings.NewReader(manualPage)
			said, err := cmd.CombinedOutput()
			if err != nil && len(said) == 0 {
				t.Error(err)
			}
			for line := range strings.Lines(string(said)) {
				if !strings.Contains(line, "missing date") { // a date would make each day's page another
					t.Error(line)
				}
			}
		})
	}
}

// manualOf writes the page in the macros of man(7).
func manualOf(app *cli.App) string {
	m := &manual{}
	m.macro(".TH", "FERRY", "1", "", "ferry", "User Commands")
	m.macro(".SH", "NAME")
	m.text("ferry - " + app.Usage)
	m.macro(".SH", "SYNOPSIS")
	listed := slices.DeleteFunc(slices.Clone(app.Commands), func(c *cli.Command) bool { return c.Hidden })
	for i, c := range listed {
		if i > 0 {
			m.macro(".br")
		}
		m.text(synopsis(c))
	}
	m.macro(".SH", "DESCRIPTION")
	m.text(manualDescription)
	m.macro(".SH", "COMMANDS")
	for _, c := range listed {
		m.command(c)
	}
	m.macro(".SH", "EXAMPLES")
	for _, c := range listed {
		if len(optionsOf(c, true)) < 2 {
			continue // it has nothing to show
		}
		for _, e := range guides[c.Name].examples {
			m.item(e.line, e.purpose)
		}
	}
	m.named("EXIT STATUS", "exit")
	m.macro(".SH", "ENVIRONMENT")
	for _, e := range manualText.environment {
		m.item(e.line, e.purpose)
	}
	m.macro(".SH", "FILES")
	for _, e := range manualText.files {
		m.item(e.line, e.purpose)
	}
	m.named("SECURITY", "code")
	m.macro(".SH", "NOTES")
	for _, t := range topics() {
		if t.name != "exit" && t.name != "code" {
			m.macro(".SS", sentence(t.summary))
			m.topic(t)
		}
	}
	m.macro(".SH", "SEE ALSO")
	m.text("b3sum(1), rsync(1), scp(1), sha256sum(1), tar(1)")
	return m.out.String()
}

const manualDescription = `ferry moves files, folders and streams between machines, encrypted and verified.
Exit code 0 means: every item is at the receiver under its final name, both ends computed
the BLAKE3 digest of its bytes on their own and the two agree, data, names and metadata
were synced to stable storage without an error, and the sender has the receipt for all of
it. Anything else is another code, and the same command goes on from what is there.`

// manual is the page while it is written.
type manual struct{ out bytes.Buffer }

// macro writes a line of control, with its arguments quoted where that is needed.
func (m *manual) macro(name string, args ...string) {
	m.out.WriteString(name)
	for _, a := range args {
		a = roff(a)
		if a == "" || strings.Contains(a, " ") {
			a = `"` + strings.ReplaceAll(a, `"`, `\(dq`) + `"`
		}
		m.out.WriteString(" " + a)
	}
	m.out.WriteByte('\n')
}

// text writes a paragraph, which the reader fills.
func (m *manual) text(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		m.out.WriteString(roff(line) + "\n")
	}
}

// item writes something and what it is for.
func (m *manual) item(name, text string) {
	m.macro(".TP")
	m.macro(".B", name)
	m.text(text)
}

func (m *manual) command(c *cli.Command) {
	m.macro(".SS", synopsis(c))
	text := sentence(c.Usage) + "."
	if c.Description != "" {
		text += "\n" + c.Description
	}
	m.text(text)
	for _, g := range optionsOf(c, true) {
		m.macro(".PP")
		m.macro(".I", g.category+":")
		for _, o := range g.options {
			text := sentence(o.summary()) + "."
			if o.further != "" {
				text += "\n" + o.further
			}
			m.item(strings.TrimLeft(o.spelling(), " "), text)
		}
	}
}

// named writes the topic of that name as a section.
func (m *manual) named(heading, name string) {
	m.macro(".SH", heading)
	t, _ := topicNamed(name)
	m.topic(t)
}

// topic keeps the lines of what is indented below an empty line, and fills the rest. An
// indented line right below another belongs to its paragraph, and - begins one of a list.
func (m *manual) topic(t topic) {
	kept, fresh, hanging := false, false, false // a heading begins a paragraph
	for line := range strings.SplitSeq(strings.TrimRight(t.text, "\n"), "\n") {
		indented := strings.HasPrefix(line, " ")
		item, isItem := strings.CutPrefix(line, "- ")
		switch {
		case line == "":
			fresh = true
			continue
		case kept && !indented:
			m.macro(".fi")
			kept, fresh = false, true
		case kept && fresh:
			m.text("")
			fresh = false
		case indented && !kept && (fresh || m.headed()):
			if fresh {
				m.macro(".PP")
			}
			m.macro(".nf")
			kept, fresh = true, false
		}
		switch {
		case isItem:
			m.out.WriteString(".IP \\(bu 2\n")
			line = item
		case kept:
		case fresh || hanging && !indented:
			m.macro(".PP")
		}
		hanging, fresh = indented && !kept, false
		if !kept {
			line = strings.TrimLeft(line, " ")
		}
		m.text(line)
	}
	if kept {
		m.macro(".fi")
	}
}

// headed reports whether the last line is a heading.
func (m *manual) headed() bool {
	lines := bytes.Split(bytes.TrimRight(m.out.Bytes(), "\n"), []byte("\n"))
	return bytes.HasPrefix(lines[len(lines)-1], []byte(".S"))
}

// sentence begins text with a capital letter.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// roff writes text so that none of it is a macro, and flags can be copied.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", "\\(ga", `^`, `\(ha`, `~`, `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
