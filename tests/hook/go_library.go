// SPDX-License-Identifier: Apache-2.0

// A Go library as Python programs load it: goroutines that sort, collect garbage, and recover from nil pointers,
// which the Go runtime learns by SIGSEGV on its own alternate stacks.
package main

import "C"
import (
	"runtime"
	"sort"
	"sync/atomic"
)

var rounds, wrong, recovered int64

func nilPointer() {
	defer func() {
		if recover() != nil {
			atomic.AddInt64(&recovered, 1)
		}
	}()
	var p *int
	*p = 1
}

func work() {
	for {
		x := make([]int, 5000)
		for i := range x {
			x[i] = (i * 7919) % 5000
		}
		sort.Ints(x)
		if x[0] != 0 || x[4999] != 4999 {
			atomic.AddInt64(&wrong, 1)
		}
		nilPointer()
		if atomic.AddInt64(&rounds, 1)%50 == 0 {
			runtime.GC()
		}
	}
}

//export Start
func Start(n C.int) {
	for i := 0; i < int(n); i++ {
		go work()
	}
}

//export Rounds
func Rounds() C.long { return C.long(atomic.LoadInt64(&rounds)) }

//export Wrong
func Wrong() C.long { return C.long(atomic.LoadInt64(&wrong)) }

//export Recovered
func Recovered() C.long { return C.long(atomic.LoadInt64(&recovered)) }

func main() {}
