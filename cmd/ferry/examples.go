package main

// example is a command line that help shows, and what it is for.
type example struct{ line, purpose string }

// guide is what the help of a command says beside its flags.
type guide struct {
	examples []example
	topics   []string // that explain more
	files    bool     // its arguments are names of files
}

// guides has an entry for each command that help lists. Each example can be typed as it
// stands, with HOST for the address of the other machine.
var guides = map[string]guide{
	"send": {[]example{
		{"ferry send photos", "listen; print what to run there"},
		{"ferry send --to HOST photos notes.txt", "call the side that listens"},
		{"ferry send --text 'see you at eight'", "a message for a person"},
		{"ferry send --to HOST -n photos", "only say what would be sent"},
		{"tar c photos | ferry send --to HOST -", "send a stream"},
	}, []string{"code", "filters", "archive", "resume", "speed", "exit"}, true},
	"receive": {[]example{
		{"ferry receive -o inbox", "listen; print what to run there"},
		{"ferry receive --from HOST", "call the side that listens"},
		{"ferry receive --on-conflict rename", "keep both where files differ"},
		{"ferry receive -y --out - | tar x", "ask nothing; unpack a stream"},
	}, []string{"code", "archive", "resume", "speed", "exit"}, false},
	"copy": {[]example{
		{"ferry copy photos notes.txt backup", "makes backup/photos"},
		{"ferry copy photos/ backup", "what is in photos, as for rsync"},
		{"ferry copy --exclude '*.o' src backup", "leave things out"},
		{"ferry copy -n --delete photos/ backup", "what a mirror would change"},
		{"ferry copy -a /srv/ /mnt/srv", "as root: owners, ACLs and all"},
	}, []string{"filters", "delete", "archive", "resume", "exit"}, true},
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
