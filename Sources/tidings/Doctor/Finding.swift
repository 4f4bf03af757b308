// What the doctor says: one thing looked at, how it is, and what to do about it.

/// One thing that was looked at.
struct Finding: Encodable {
    enum State: String, Encodable, Comparable {
        case fine
        /// Worth knowing; nothing has to be done.
        case note
        case warning
        case broken

        private var rank: Int {
            switch self {
            case .fine: 0
            case .note: 1
            case .warning: 2
            case .broken: 3
            }
        }

        static func < (left: State, right: State) -> Bool { left.rank < right.rank }
    }

    let check: String
    let state: State
    let text: String
    var remedy: String?

    static func fine(_ check: String, _ text: String) -> Finding {
        Finding(check: check, state: .fine, text: text)
    }

    static func note(_ check: String, _ text: String, _ remedy: String? = nil) -> Finding {
        Finding(check: check, state: .note, text: text, remedy: remedy)
    }

    static func warning(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, state: .warning, text: text, remedy: remedy)
    }

    static func broken(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, state: .broken, text: text, remedy: remedy)
    }
}
