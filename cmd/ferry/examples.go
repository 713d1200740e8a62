package main

// example is a command line that help shows, and what it is for.
type example struct{ line, purpose string }

// guide is what the help of a command says beside its flags.
type guide struct {
	examples []example
	topics   []string // that explain more
	files    bool     // its arguments are names of files
}

// onWindows are the examples to show on Windows in the place of others, by their lines.
// Those without a line mean nothing there.
var onWindows = map[string]example{
	"ferry copy photos/ backup":         {`ferry copy photos\ D:\backup`, "what is in photos"},
	"ferry copy -a /srv/ /mnt/srv":      {},
	"ferry selftest --dir /media/stick": {`ferry selftest --dir E:\`, "try another disk"},
	"ferry man | man -l -":              {},
	"ferry completion fish | source":    {"ferry completion powershell >>$PROFILE", "once, for PowerShell"},
	"source <(ferry completion bash)":   {},
}

// examplesOf are the examples for a command on a system, as runtime.GOOS names it.
func examplesOf(command, system string) (list []example) {
	for _, e := range guides[command].examples {
		if other, found := onWindows[e.line]; found && system == "windows" {
			e = other
		}
		if e.line != "" {
			list = append(list, e)
		}
	}
	return list
}

// guides has an entry for each command that help lists. Each example can be typed as it
// stands, with HOST for the address of the other machine.
var guides = map[string]guide{
	"send": {[]example{
		{"ferry send photos", "print a code, and wait"},
		{"ferry send --to HOST photos notes.txt", "where the code does not find it"},
		{`ferry send --text "see you at eight"`, "a message for a person"},
		{"ferry send --to HOST -n photos", "only say what would be sent"},
		{"tar c photos | ferry send --to HOST -", "send a stream"},
	}, []string{"code", "keys", "networks", "filters", "archive", "s3", "resume", "exit"}, true},
	"receive": {[]example{
		{"ferry receive -o inbox", "ask for the code, find the sender"},
		{"ferry receive --from HOST", "where the code does not find it"},
		{"ferry receive --on-conflict rename", "keep both where files differ"},
		{"ferry receive -o s3://bucket/inbox", "into an object store"},
		{"ferry receive -y --out - | tar x", "ask nothing; unpack a stream"},
	}, []string{"code", "keys", "networks", "archive", "s3", "resume", "speed", "exit"}, false},
	"copy": {[]example{
		{"ferry copy photos notes.txt backup", "makes backup/photos"},
		{"ferry copy photos/ backup", "what is in photos, as for rsync"},
		{"ferry copy photos/ s3://bucket/photos", "to an object store"},
		{"ferry copy -n --delete photos/ backup", "what a mirror would change"},
		{"ferry copy -a /srv/ /mnt/srv", "as root: owners, ACLs and all"},
	}, []string{"keys", "filters", "delete", "archive", "s3", "resume", "exit"}, true},
	"checksum": {[]example{
		{"ferry checksum photos >sums.b3", "hash a tree, as b3sum does"},
		{"ferry checksum -c sums.b3", "check it later"},
		{"ferry checksum -c sums.b3 --extra", "and tell what is not listed"},
	}, []string{"json", "exit"}, true},
	"verify": {[]example{
		{"ferry verify sums.b3", "check what checksum listed"},
		{"ferry verify --extra sums.b3", "and tell what is not listed"},
		{"ferry verify -C backup sums.b3", "a delivery, from where it began"},
		{"ferry verify SHA256SUMS", "what sha256sum or md5sum listed"},
	}, []string{"json", "exit"}, true},
	"selftest": {[]example{
		{"ferry selftest", "try this machine"},
		{"ferry selftest --dir /media/stick", "try another disk"},
	}, []string{"exit", "json"}, false},
	"serve": {[]example{
		{"ferry serve --root drop --code-file code", "a drop box for who has the code"},
	}, []string{"servers", "json", "exit"}, false},
	"relay": {[]example{
		{"ferry relay", "for all who can reach port 33780"},
		{"ferry relay --token-file token", "for those who have the token"},
		{"ferry relay --max-rate 50M", "leave some of the line to others"},
		{"ferry relay --behind-proxy", "behind nginx, for wss://"},
	}, []string{"relays", "json", "exit"}, false},
	"version": {[]example{
		{"ferry version", "or ferry --version, or ferry -V"},
	}, nil, false},
	"help": {[]example{
		{"ferry help", "the commands and topics"},
		{"ferry help send", "as ferry send --help"},
		{"ferry help exit", "a topic"},
	}, nil, false},
	"man": {[]example{
		{"ferry man | man -l -", "read it"},
		{"ferry man >ferry.1", "install it"},
	}, nil, false},
	"completion": {[]example{
		{"source <(ferry completion bash)", "in .bashrc, or zsh in .zshrc"},
		{"ferry completion fish | source", "in config.fish"},
	}, nil, false},
}
