// The peer in Go: runs one workload of noh-bench and prints noh-bench's line, or serves echo.
// What the workloads do is workloads.go's business.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

type workload struct {
	name        string
	n           uint64 // by default
	takesTokens bool
	run         func(*work)
}

// One run: what was asked for, and what came of it.
type work struct {
	n, tokens uint64
	began     time.Time
	seconds   float64 // of the work itself
	extras    string
}

func (w *work) start() {
	runtime.GC() // what went before is not the work's to clean up
	w.began = time.Now()
}

func (w *work) stop() { w.seconds = time.Since(w.began).Seconds() }

func (w *work) extra(key string, value float64) {
	w.extras += fmt.Sprintf(",%q:%.6g", key, value)
}

// ---- what workloads share

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "go: "+format+"\n", values...)
	os.Exit(1)
}

func expect(what string, found, expected uint64) {
	if found != expected {
		fail("%s: %d, not %d", what, found, expected)
	}
}

// The part of n that falls to one of so many: as even as can be, all parts together n.
func shareOf(n, parts, part uint64) uint64 {
	if part < n%parts {
		return n/parts + 1
	}
	return n / parts
}

// 0 + 1 + ... + (n - 1), modulo 2^64.
func sumBelow(n uint64) uint64 {
	if n%2 == 1 {
		return (n - 1) / 2 * n
	}
	return n / 2 * (n - 1)
}

// Marsaglia's xorshift, as in noh-bench; never 0.
type xorshift uint64

func (x *xorshift) next() uint64 {
	*x ^= *x << 13
	*x ^= *x >> 7
	*x ^= *x << 17
	return uint64(*x)
}

func receiveSum(from <-chan uint64, count uint64) uint64 {
	sum := uint64(0)
	for ; count > 0; count-- {
		sum += <-from
	}
	return sum
}

// Ends actors whose work is done, and adds up how many messages each of them saw.
func closeAndTally[T any](inboxes []chan T, tally <-chan uint64) uint64 {
	for _, inbox := range inboxes {
		close(inbox)
	}
	return receiveSum(tally, uint64(len(inboxes)))
}

// ---- memory and time

func statusBytes(key string) uint64 {
	status, _ := os.ReadFile("/proc/self/status")
	kilobytes := uint64(0)
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, key) {
			fmt.Sscan(line[len(key):], &kilobytes)
		}
	}
	return kilobytes * 1024
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// ---- the echo server

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 64*1024)
	for {
		size, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func serve() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fail("cannot listen: %v", err)
	}
	fmt.Println("listening on", listener.Addr())
	for {
		connection, err := listener.Accept() // sets TCP_NODELAY
		if err != nil {
			fail("cannot accept: %v", err)
		}
		go echo(connection)
	}
}

// ---- the command line: run WORKLOAD or serve echo, then options

func runWorkload(name string, workers int, n, tokens uint64) {
	for _, load := range workloads {
		if load.name != name {
			continue
		}
		w := &work{n: n, tokens: tokens}
		if n == 0 {
			w.n = load.n
		}
		if tokens < 1 || tokens > w.n || tokens > 1 && !load.takesTokens {
			fail("%s does not run with %d tokens", name, tokens)
		}
		load.run(w)
		fmt.Printf("{\"workload\":%q,\"workers\":%d,\"n\":%d,\"tokens\":%d,\"ns_per_op\":%.3f,"+
			"\"seconds\":%.6f,\"peak_rss_bytes\":%d%s}\n", name, workers, w.n, w.tokens,
			w.seconds*1e9/float64(w.n), w.seconds, statusBytes("VmHWM:"), w.extras)
		return
	}
	fail("there is no workload %q", name)
}

func main() {
	options := flag.NewFlagSet("go", flag.ExitOnError)
	workers := options.Int("workers", 1, "processors that run Go code at once")
	n := options.Uint64("n", 0, "operations")
	tokens := options.Uint64("tokens", 1, "balls, pairs or tokens")
	if len(os.Args) < 3 {
		fail("run WORKLOAD or serve echo")
	}
	options.Parse(os.Args[3:])
	runtime.GOMAXPROCS(*workers)

	switch {
	case os.Args[1] == "run":
		runWorkload(os.Args[2], *workers, *n, *tokens)
	case os.Args[1] == "serve" && os.Args[2] == "echo":
		serve()
	default:
		fail("run WORKLOAD or serve echo")
	}
}
