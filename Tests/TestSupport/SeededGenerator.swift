import SeededRandom

/// The host's, for tests.
public typealias SeededGenerator = SeededRandom.SeededGenerator
