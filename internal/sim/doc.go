// Command sim runs the whole library against simulated vendors while everything
// fails that can, in virtual time, and holds the vendors' print log against what
// was asked for: each piece once, or held with a reason only where nobody could
// be asked.
//
//	go run ./internal/sim -n 1000000 -seed 1        # a million jobs
//	go run ./internal/sim -seed 1 -world 17         # one world of that run, again
//	go run ./internal/sim -n 100000 -break 5        # must find a violation
//	go run ./internal/sim -list                     # what can be broken
//
// It exits with 1 when it finds a violation, which it prints with the seed, the
// world, and all that happened to the job, and with 2 when it was called in a
// wrong way.
//
// # Worlds
//
// The jobs are run in many small worlds. A world has its vendors, its ledger,
// and a few replicas of a process that works on it, each with a clock of its
// own. It lives in a synctest bubble: nothing in it waits for real time. What
// fails in it is its [profile], which its number and the seed decide.
//
// # Faults
//
// Whether something fails is a pure function of the seed, the reference it is
// about, the boundary, and the how-manieth time that this reference comes to
// that boundary ([dice]); never of the order in which goroutines run. Waits
// differ by some microseconds for the same reason, so that few things happen at
// the same instant.
//
// So a world repeats what is drawn, and not all that happens. The kind of each world, its
// vendors, its jobs and what they are given to, and which of the visits to a boundary
// fail are those of the seed. Goroutines that are ready at the same instant still run in
// any order, and the references of control pieces and the names of clients are new in
// each run: who gets a job first, and so how often something comes to a boundary,
// differs by a few sends in a thousand. A violation that needs such an order may take
// some runs of its world to come again.
//
// # Credentials
//
// In a third of the worlds the credentials of vendors are exchanged while jobs are
// under way ([rotation]), by one replica after the other, and now and then taken back:
// another key of the same account, which all replicas are told or only the later ones;
// a key of an account that goes by a name; or the credentials of another account, of
// which somebody says that it is the same. The vendors then know keys by the
// credentials that they came with, or by the account. What was sent to an account that
// nobody has the credentials of in the end may be held, and what was sent under a former
// name of which the ledger knows no piece.
//
// # Backups
//
// Four in ten of the restored backups are restored once or twice more ([profile.again]), after
// hours in which what was in doubt went on. Nobody says how many recoveries there were:
// the library has to notice by the control pieces that somebody sends.
//
// # People
//
// In most worlds people are at work on the ledger ([world.people]): they pause
// and resume, replay a list, ask for second pieces, decide what is held, take
// back what they did, and have persons forgotten. What somebody was told is done
// counts from that moment ([deeds]): no intent is committed for what is paused or
// erased, a replay takes in no more than its plan says and nothing while it is
// paused, and each acknowledged action is in the change log. What a restored
// backup does not know is forgotten by the oracle, too.
//
// # Breaks
//
// A simulation that cannot find anything proves nothing. Each [Break] takes out
// one rule: an edit of the library's source that reaches the compiler through an
// overlay (package internal/mutant), so that the tree stays as it is and the
// library needs no switches. The test of them compiles all into one program.
package main
