// The tests of this target are added with its parts.
