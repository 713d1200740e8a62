// Package ssh runs the system's ssh, and makes a connection of its standard input and
// output. It knows both ends: Call runs ssh here, and Stdio is what the program that ssh
// runs there has. It also brings a program to where it is missing.
//
// Which host it is, who may log in and by which way is ssh's business: its configuration,
// keys, agent and jump hosts hold as ever. The far end is given one bare command, which
// means the same in all shells. Everything else goes over the connection, where nobody sees
// it in a list of processes and no shell takes it apart.
//
// # What is guaranteed
//
// What a login shell prints before the program begins is skipped, as far as it is bounded:
// the connection begins behind the ready line. Standard error of ssh is kept, in bounded
// memory, and told line by line. After Pipe.End no process that Open began runs. After
// Pipe.Leave one runs only as long as it has something to deliver.
//
// # What is not
//
// What something at the far end prints behind the ready line damages the connection, which
// the link over it notices. Text in Ready, Said and errors came from others, and is not
// made safe to show.
//
// # Goroutines and locks
//
// A Pipe has one goroutine that waits for ssh, beside those of os/exec, and End waits for
// them. After Leave they may last as long as ssh. Close starts one that lives for a moment. The
// lock of what ssh said is held over no call.
//
// golang.org/x/sys/cpu tells whether this processor has instructions for AES.
package ssh
