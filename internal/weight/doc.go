// Package weight holds the tests of what this module costs those who import
// it, and of its shape: the direct requirements, the packages and modules that
// reach an importer's program, the top level of the repository, and the
// direction of imports. And of its pages: what they name is there.
package weight
