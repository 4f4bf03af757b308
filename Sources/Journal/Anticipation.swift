// When to look for a commit whose write was announced. Writes are announced, commits are not: between the two
// lies the disk, which takes about as long each time. So the first look is when commits could be seen lately,
// and most are found by it; a commit that is later is looked for after pauses that grow by half.

/// The pauses of whoever waits for a commit. A value.
struct Anticipation {
    /// What was seen when looking.
    struct Look {
        /// Whether a write was announced since the look before.
        var isAnnounced: Bool
        /// Whether nobody else was in a transaction by then: what was announced can be seen, if it was
        /// committed.
        var isSettled: Bool
        var isFound: Bool
    }

    private let poll: Duration
    private let longest: Duration
    private let firstMin: Duration
    /// The first look is no later: where commits take now this long, now that, waiting for most of them would
    /// delay the others.
    private let firstMax: Duration
    /// How long after the announcement the first look is.
    private(set) var first: Duration
    /// The pause after the next look that does not find what is awaited; nil: nothing is awaited.
    private var next: Duration?
    private var looks = 0

    /// - Parameters:
    ///   - poll: The pause after the first look.
    ///   - longest: No pause is longer.
    init(poll: Duration, longest: Duration) {
        self.poll = poll
        self.longest = longest
        first = poll / 2
        firstMin = poll / 8
        firstMax = poll * 2
    }

    /// Begins anew: a write was announced just now.
    mutating func announced() {
        next = poll
        looks = 0
    }

    /// Takes note of a look.
    ///
    /// - Returns: The pause before the next; nil: nothing is awaited any more.
    mutating func pause(after look: Look) -> Duration? {
        if look.isAnnounced {
            if next == nil { looks = 0 }
            next = poll
        }
        guard let pause = next else { return nil }
        looks += 1
        // What was committed before a write can be seen when the write is announced. So what is found without
        // an announcement is what was awaited; and so is all there is when nobody is writing.
        if look.isFound, look.isSettled || !look.isAnnounced {
            learn()
            next = nil
            return nil
        }
        next = min(pause + pause / 2, longest)
        return min(pause, longest)
    }

    /// Two thirds of the commits are found by the first look: a twentieth earlier for each that was, a tenth
    /// later for each that was not.
    private mutating func learn() {
        first = looks == 1 ? max(first - first / 20, firstMin) : min(first + first / 10, firstMax)
    }
}
