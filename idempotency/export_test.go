package idempotency

// Plant stores a record past all checks, as a newer version would have.
func (m *Memory) Plant(r *Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(r)
}

// Spoil damages a blob.
func (m *Memory) Spoil(digest string) {
	m.blobs.mu.Lock()
	defer m.blobs.mu.Unlock()
	m.blobs.content[digest][0] ^= 1
}
