package main

import "os"

// main is all that needs a real process; run is the rest.
func main() {
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
