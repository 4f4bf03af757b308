// Chance that can be had again: the same seed gives the same numbers. For spreading things out where nothing
// secret depends on it (the system's generator is a system call a number, and a storm asks for one a stream),
// for the demo's shop and for tests. Never for tokens.

/// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014). A value.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
