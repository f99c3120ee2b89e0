package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// files reads a log's files by their path in it.
type files func(name string) ([]byte, error)

// opener gives the reader of a log's files by their path in it.
func opener(where string) (files, error) {
	info, err := os.Stat(where)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(where, name)) }, nil
	}
	file, err := os.Open(where)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	files := map[string][]byte{}
	archive := tar.NewReader(file)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files[header.Name] = data
	}
	return func(name string) ([]byte, error) {
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("the bundle: %s: %w", name, os.ErrNotExist)
		}
		return data, nil
	}, nil
}
