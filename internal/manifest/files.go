// Copyright 2026 The Apisync Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// errLimit is wrapped by errors after which nothing more is read.
var errLimit = errors.New("too much to read")

// standardInput is how the command line and messages name it.
const standardInput = "-"

func (l *loader) path(ctx context.Context, path string) error {
	switch {
	case path == standardInput:
		return l.standardInput(ctx)
	case strings.HasPrefix(path, "http://"), strings.HasPrefix(path, "https://"):
		return fmt.Errorf("-f %s: addresses aren't read; download the file, and name it or pipe it into -f -", withoutQuery(path))
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("-f %s: %w", path, reason(err))
	}
	if !info.IsDir() {
		return l.file(ctx, path)
	}
	before := l.files
	if err := l.folder(ctx, path); err != nil {
		return err
	}
	if l.files == before {
		return fmt.Errorf("-f %s: the folder has no file that ends in %s%s", path, strings.Join(extensions(), ", "), hint(!l.options.Recursive,
			"; -R looks into its folders too"))
	}
	return nil
}

func hint(show bool, text string) string {
	if show {
		return text
	}
	return ""
}

// withoutQuery keeps what may be a secret out of a message.
func withoutQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	if _, host, found := strings.Cut(address, "@"); found {
		return "…@" + host
	}
	return address
}

// reason is the cause alone: the path is told already.
func reason(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return at.Err
	}
	return err
}

func (l *loader) standardInput(ctx context.Context) error {
	if l.options.Input == nil {
		return errors.New("-f -: standard input was read already; name it once")
	}
	input := l.options.Input
	l.options.Input = nil
	return l.stream(ctx, input, "standard input")
}

func extensions() []string { return []string{".yaml", ".yml", ".json"} }

// folder reads the files of a folder by name. Links to files are followed, since a mounted ConfigMap is made of them; links to folders
// aren't, since they may lead in a circle.
func (l *loader) folder(ctx context.Context, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("-f %s: %w", path, reason(err))
	}
	for _, entry := range entries {
		inside := filepath.Join(path, entry.Name())
		switch {
		case entry.IsDir() && l.options.Recursive:
			err = l.folder(ctx, inside)
		case !entry.IsDir() && slices.Contains(extensions(), filepath.Ext(entry.Name())) && !isFolder(inside):
			err = l.file(ctx, inside)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (l *loader) file(ctx context.Context, path string) error {
	file, err := os.Open(path) //nolint:gosec // the person who runs the program names the file
	if err != nil {
		return fmt.Errorf("-f %s: %w", path, reason(err))
	}
	return errors.Join(l.stream(ctx, file, path), file.Close())
}

func (l *loader) stream(ctx context.Context, input io.Reader, name string) error {
	if l.files++; l.files > l.options.Limits.Files {
		return fmt.Errorf("%w: there are more than %d files; name fewer at once", errLimit, l.options.Limits.Files)
	}
	left := l.options.Limits.Bytes - l.bytes
	content, err := io.ReadAll(io.LimitReader(input, left+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, reason(err))
	}
	l.bytes += int64(len(content))
	if int64(len(content)) > left {
		return fmt.Errorf("%w: %s and what was read before have more than %d bytes; name fewer files at once", errLimit, name, l.options.Limits.Bytes)
	}
	return l.content(ctx, name, content)
}

// kustomization builds a folder as kubectl does: files outside of it can't be read.
func (l *loader) kustomization(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("-k %s: %w", path, reason(err))
	case !info.IsDir():
		return fmt.Errorf("-k %s: this is no folder; name the folder that has the kustomization.yaml, or read the file with -f", path)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), path)
	if err != nil {
		return fmt.Errorf("-k %s: building the kustomization: %w", path, err)
	}
	content, err := built.AsYaml()
	if err != nil {
		return fmt.Errorf("-k %s: encoding what the kustomization gives: %w", path, err)
	}
	return l.stream(ctx, strings.NewReader(string(content)), path)
}
