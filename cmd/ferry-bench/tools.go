package main

import (
	"strings"
	"time"
)

// tool is something that copies folders: a row of the table below.
//
// Command lines are split at spaces, and the variables in their words are those of
// runner.variables; $FLAGS is any number of words. What follows "sh -c" is left to
// the shell, which has them in its environment.
type tool struct {
	name   string
	needs  string // programs and what else kit.get makes, separated by spaces
	local  bool   // it copies on one machine only
	single bool   // it sends one file only
	// daemon listens on the far side at $PORT until it is stopped; far listens
	// there and ends by itself. Both may be absent. near sends.
	daemon, far, near string
	// flags are $FLAGS. In their place are resume, if the delivery may be interrupted and
	// what came is to be used, and update, if an older version is there; "" is flags.
	flags, resume, update string
	files                 map[string]string // in $STATE, made anew for each run
	// headStart: near starts first, and far this much later, before which it does
	// not listen. The clock starts with far.
	headStart time.Duration
	// store: a server of objects is between, and leaves something of its own. fill is the
	// command that puts the data there, before the clock starts.
	store bool
	fill  string
}

func (l tool) String() string { return l.name }

// ours tells a row of ferry itself. The first one that ran is the reference.
func ours(name string) bool { return strings.HasPrefix(name, "ferry-") }

// sshd serves the tools that go over ssh.
const sshd = "$SSHD -D -e -f $STATE/sshd.conf"

// gcm has ssh use the cipher that ferry's TLS uses too, where the processor knows AES.
const gcm = "Ciphers aes128-gcm@openssh.com\n"

// sshFiles are those of sshd and ssh, both with more settings. Without any, ssh chooses
// the cipher.
func sshFiles(more string) map[string]string {
	return map[string]string{
		"known-hosts": "[$ADDRESS]:$PORT $HOSTKEY\n",
		"sshd.conf": `ListenAddress $ADDRESS:$PORT
HostKey $STATE/host-key
AuthorizedKeysFile $STATE/user-key.pub
PidFile none
# The folder of temporary files is everybody's.
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
` + more,
		"ssh.conf": `Port $PORT
User $USER
IdentityFile $STATE/user-key
IdentitiesOnly yes
BatchMode yes
UserKnownHostsFile $STATE/known-hosts
` + more,
	}
}

// rsync's flags are for the metadata that ferry keeps too, and for what is compared: whole
// files, since the destination is empty or the same. After an interruption that is the
// rest of a file, with a check of the whole. In an update it is what an older version
// lacks.
const (
	rsyncFlags  = "-aW"
	rsyncResume = "-a --partial --append-verify"
	rsyncUpdate = "-a --no-whole-file"
)

// ferrySSH copies by ssh. It is told what runs at the far side, where no PATH leads to it.
const ferrySSH = "$FERRY copy --quiet $FLAGS --ssh=$SSH"

// ferryUpdate: without it ferry leaves an older version as it is.
const ferryUpdate = "--on-conflict overwrite"

// crocFlags: the data does not shrink, and croc's compression is slow.
const crocFlags = "--no-compress --yes --overwrite --ignore-stdin --disable-clipboard"

// tools are all that can be measured, in the order of the tables.
func tools() []tool {
	return append([]tool{
		// Both sides are one process, so that its figures are those of both together.
		{name: "ferry-copy", needs: "ferry", local: true, near: "$FERRY copy --quiet $FLAGS $SRC $DST", update: ferryUpdate},
		{
			name: "ferry-send", needs: "ferry", update: ferryUpdate,
			far:  "$FERRY receive --quiet --yes $FLAGS --listen $ADDRESS:$PORT --out $DST",
			near: "$FERRY send --quiet --to $ADDRESS:$PORT $SRC",
		},
		{
			name: "ferry-ssh", needs: "ferry ssh sshd", update: ferryUpdate,
			daemon: sshd, near: ferrySSH + " --remote-command=$REMOTE $SRC $ADDRESS:$DST/", files: sshFiles(""),
		},
		{
			name: "ferry-ssh-gcm", needs: "ferry ssh sshd", update: ferryUpdate,
			daemon: sshd, near: ferrySSH + " --remote-command=$REMOTE $SRC $ADDRESS:$DST/", files: sshFiles(gcm),
		},
		{
			// The far end is in a network of its own, where no direct path leads.
			name: "ferry-ssh-inside", needs: "ferry ssh sshd unshare", update: ferryUpdate,
			daemon: sshd, near: ferrySSH + " --remote-command=$INSIDE $SRC $ADDRESS:$DST/", files: sshFiles(""),
		},
		{
			name: "rsync-daemon", needs: "rsync", flags: rsyncFlags, resume: rsyncResume, update: rsyncUpdate,
			daemon: "rsync --daemon --no-detach --config=$STATE/rsyncd.conf --address=$ADDRESS --port=$PORT --log-file=$STATE/rsyncd.log",
			near:   "rsync $FLAGS $SRC rsync://$ADDRESS:$PORT/$SECRET$DST/",
			// It serves whatever this user may write, hence to the near side only and
			// behind a name that nobody knows.
			files: map[string]string{
				"rsyncd.conf": "use chroot = no\n[$SECRET]\npath = /\nread only = no\nlist = no\nhosts allow = $ORIGIN\n$OWNER",
			},
		},
		{
			name: "rsync-ssh-default", needs: "rsync ssh sshd", flags: "-a", resume: rsyncResume, update: rsyncUpdate,
			daemon: sshd, near: "rsync $FLAGS --rsh=$SSH $SRC $ADDRESS:$DST/", files: sshFiles(""),
		},
		{
			name: "rsync-ssh", needs: "rsync ssh sshd", flags: rsyncFlags, resume: rsyncResume, update: rsyncUpdate,
			daemon: sshd, near: "rsync $FLAGS --rsh=$SSH $SRC $ADDRESS:$DST/", files: sshFiles(gcm),
		},
		{
			name: "scp", needs: "scp ssh sshd",
			daemon: sshd, near: "scp -q -r -p -F $STATE/ssh.conf $SRC $ADDRESS:$DST/", files: sshFiles(gcm),
		},
		{
			// Without its check of the result, which would start a shell and md5sum at
			// the far side for every file.
			name: "rclone-sftp", needs: "rclone sshd", daemon: sshd, files: sshFiles(gcm),
			near: "rclone copy --quiet --config $STATE/rclone.conf $SRC" +
				" :sftp,host=$ADDRESS,port=$PORT,user=$USER,key_file=$STATE/user-key,known_hosts_file=$STATE/known-hosts,disable_hashcheck=true:$DST/$NAME",
		},
		{
			// A receiver that comes before the sender gives up. The sender hashes
			// meanwhile, which is in its favour.
			name: "croc", needs: "croc", headStart: 2 * time.Second, flags: crocFlags, resume: crocFlags,
			daemon: "croc relay --host $ADDRESS --ports $PORTS",
			near:   "croc $FLAGS send --no-local $SRC",
			far:    "croc $FLAGS --out $DST",
		},
		{
			// OpenBSD's -N ends the stream where the file ends.
			name: "nc", needs: "nc.openbsd", single: true,
			far:  `sh -c mkdir -p "$DST/$NAME" && exec nc.openbsd -l "$ADDRESS" "$PORT" >"$DST/$NAME/$FILE"`,
			near: `sh -c exec nc.openbsd -N "$ADDRESS" "$PORT" <"$SRC/$FILE"`,
		},
		{
			name: "tar-nc", needs: "tar nc.openbsd",
			far:  `sh -c nc.openbsd -l "$ADDRESS" "$PORT" | tar xf - -C "$DST"`,
			near: `sh -c tar cf - -C "$PARENT" "$NAME" | nc.openbsd -N "$ADDRESS" "$PORT"`,
		},
		// What the file system alone takes. -u would leave an interrupted file as it is.
		{name: "cp", needs: "cp", local: true, near: "cp -R -p $SRC $DST/"},
	}, stores()...)
}
