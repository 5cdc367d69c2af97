package sqlite

// SpoolDir is the folder in which a client keeps the vendors' answers that the
// ledger could not take: the database's path with "-spool" added. It is empty
// for a store that is open for reading only. The store itself never touches the
// folder; the client makes it.
func (s *Store) SpoolDir() string {
	if s.readOnly {
		return ""
	}
	return s.path + "-spool"
}
