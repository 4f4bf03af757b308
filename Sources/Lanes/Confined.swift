// The first of three trusted files (with WorkerLane and EventLoop): `@unchecked Sendable` is right here
// because `value` is only ever touched inside brackets that run on `lane`, and because the last reference is
// posted home, so that even its deinit runs there.
//
// No getter on purpose, and `value` can be used by what is inlined from here only. A property returning the
// value compiles without a word and leaks it: the compiler takes the result of a call on a Sendable object as
// free to move. Brackets with `@Sendable` bodies and Sendable results are refused every leak that was tried.

/// A value that lives on one lane for its whole life, deinit included.
public final class Confined<Value>: @unchecked Sendable {
    public let lane: any Lane
    @usableFromInline var value: Value?

    /// Takes the only reference to `value`.
    public init(_ value: sending Value, to lane: any Lane) {
        self.value = value
        self.lane = lane
    }

    /// Makes the value on its lane, later but before anything posted to it through this box.
    public init(on lane: any Lane, make: @Sendable @escaping () -> Value) {
        self.lane = lane
        lane.post { [self] in value = make() }
    }

    /// Runs `body` with the value, later and in order. From anywhere.
    @inlinable public func post(_ body: @Sendable @escaping (Value) -> Void) {
        lane.post { [self] in
            guard let value else { preconditionFailure("a confined value outlived its lane") }
            body(value)
        }
    }

    /// Runs `body` with the value, now. On its lane only: traps elsewhere.
    @inlinable public func with<Result: Sendable>(
        _ body: @Sendable (Value) throws -> Result
    ) rethrows -> Result {
        precondition(lane.isCurrent, "a confined value was touched off its lane")
        guard let value else { preconditionFailure("a confined value was touched before it was made") }
        return try body(value)
    }

    /// Hands the value an object that lives on the same lane, now. On its lane only: traps elsewhere.
    public func with<Object: AnyObject>(_ object: Object, _ body: @Sendable (Value, Object) -> Void) {
        precondition(lane.isCurrent, "a confined value was touched off its lane")
        guard let value else { preconditionFailure("a confined value was touched before it was made") }
        body(value, object)
    }

    deinit {
        guard value != nil else { return }
        nonisolated(unsafe) let last = value
        value = nil
        lane.post { unsafe withExtendedLifetime(last) {} }
    }
}

/// A way back to an object that lives on a lane, for answers from elsewhere. Keeps nothing alive.
///
/// `@unchecked Sendable` is right because the object is only ever reached inside work posted to its lane.
public final class LaneReference<Object: AnyObject>: @unchecked Sendable {
    private let lane: any Lane
    private weak var object: Object?

    /// On the object's lane only.
    public init(_ object: Object, on lane: any Lane) {
        precondition(lane.isCurrent, "a reference was made off its lane")
        self.object = object
        self.lane = lane
    }

    /// Runs `body` on the object's lane, later, if the object still lives. From anywhere.
    public func post(_ body: @Sendable @escaping (Object) -> Void) {
        lane.post { [self] in
            if let object { body(object) }
        }
    }
}
