package main

import (
	"io"
	"log"
	"os"
)

// main is all that needs a real process; run is the rest.
func main() {
	// What libraries write to the log of the process is not for whoever runs ferry, and would
	// stand between the lines that are: numbers of the system that may not be read, clients of
	// the numbers that break off.
	log.SetOutput(io.Discard)
	keepPrivate()
	tie(os.Stdin)
	env := osEnv()
	limitMemory(os.DirFS("/"))
	ctx, signals := watchSignals(func(code int) {
		env.Modes.restore()
		os.Exit(code)
	})
	env.Signals = signals
	code := run(ctx, env)
	os.Exit(signals.exit(code))
}
