// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	indent = "     "
	// liveEvery and quietEvery are how often work that takes long is heard of: on a terminal, and elsewhere.
	liveEvery  = 120 * time.Millisecond
	quietEvery = 10 * time.Second
	// quietFirst is what work elsewhere may take without being announced.
	quietFirst = time.Second
)

// screen shows numbered steps and how far they are. On a terminal, work that goes on has one line that is
// written again and again; elsewhere it has a line each time there is news, or time has passed.
type screen struct {
	out    io.Writer
	live   bool
	colour bool

	mu    sync.Mutex
	width int // of the terminal; 0 if it isn't one
	step  int
	steps int
}

// newScreen writes to out. Colours need a terminal that has them, and no NO_COLOR (no-color.org).
func newScreen(out io.Writer, lookup func(string) (string, bool)) *screen {
	s := &screen{out: out}
	if file, ok := out.(*os.File); ok {
		s.width = terminalWidth(file)
	}
	term, _ := lookup("TERM")
	s.live = s.width > 0 && term != "" && term != "dumb"
	noColour, _ := lookup("NO_COLOR")
	s.colour = s.live && noColour == ""
	return s
}

// fallbackWidth is for terminals that don't tell theirs, such as those of a recorder.
const fallbackWidth = 80

// terminalWidth is 0 for what isn't a terminal.
func terminalWidth(file *os.File) int {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 {
		return fallbackWidth
	}
	return int(size.Col)
}

// Colours: what they stand for, not which they are.
const (
	bold   = "1"
	faint  = "2"
	good   = "32"
	bad    = "31"
	accent = "36"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// heading begins the next step.
func (s *screen) heading(title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step++
	fmt.Fprintf(s.out, "\n%s %s\n", s.paint(faint, fmt.Sprintf("%2d/%d", s.step, s.steps)), s.paint(bold, title))
}

// note says something within a step; a text of several lines is indented as a whole.
func (s *screen) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		fmt.Fprintf(s.out, "%s%s\n", indent, strings.TrimRight(line, " \n"))
	}
}

// line writes one without indentation.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// during runs work and shows that it goes on, for how long, and the last line that it told. It returns
// work's error.
func (s *screen) during(title string, work func(tell func(string)) error) error {
	p := &progress{screen: s, title: title, begin: time.Now()}
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() { p.show(done) })
	err := work(p.tell)
	close(done)
	ended.Wait()
	p.finish(err)
	return err
}

// progress is one piece of work on the screen.
type progress struct {
	screen *screen
	title  string
	begin  time.Time

	mu     sync.Mutex
	detail string
	frame  int
	// announced and lastWord are for output that isn't live.
	announced bool
	lastWord  time.Time
}

func (p *progress) tell(detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if detail == p.detail {
		return
	}
	p.detail = detail
	if !p.screen.live && p.announced {
		p.word()
	}
}

func (p *progress) show(done <-chan struct{}) {
	interval := quietFirst
	if p.screen.live {
		interval = liveEvery
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			p.tick()
		}
	}
}

func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.screen.live:
		p.draw()
	case !p.announced, time.Since(p.lastWord) >= quietEvery:
		p.word()
	}
}

// word is a line for output that isn't live.
func (p *progress) word() {
	text := p.title + " …"
	if p.announced {
		text = "… " + elapsed(p.begin)
	}
	if p.detail != "" {
		text += "  " + p.detail
	}
	p.announced, p.lastWord = true, time.Now()
	p.screen.note("%s", text)
}

// draw writes the live line anew.
func (p *progress) draw() {
	const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
	turns := []rune(frames)
	p.frame++
	head := string(turns[p.frame%len(turns)])
	rest := p.title + "  " + elapsed(p.begin)
	if p.detail != "" {
		rest += "  " + p.detail
	}
	rest = cut(rest, p.screen.width-len(indent)-3)
	p.screen.mu.Lock()
	defer p.screen.mu.Unlock()
	fmt.Fprintf(p.screen.out, "\r\x1b[K%s%s %s", indent, p.screen.paint(accent, head), rest)
}

func (p *progress) finish(err error) {
	mark := p.screen.paint(good, "✓")
	if err != nil {
		mark = p.screen.paint(bad, "✗")
	}
	if p.screen.live {
		p.screen.mu.Lock()
		fmt.Fprint(p.screen.out, "\r\x1b[K")
		p.screen.mu.Unlock()
	}
	p.screen.note("%s %s %s", mark, p.title, p.screen.paint(faint, "("+elapsed(p.begin)+")"))
}

func elapsed(since time.Time) string {
	took := time.Since(since)
	if took < 10*time.Second {
		return fmt.Sprintf("%.1fs", took.Seconds())
	}
	return took.Round(time.Second).String()
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	if width < 1 || utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
