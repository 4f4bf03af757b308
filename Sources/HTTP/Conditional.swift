// Conditional requests, RFC 9110 § 8.8 and § 13: what an answer is told apart by, and whether the client has
// it already. Values; nothing here reads a clock.

public import Domain

/// An entity tag, `"v5"` or `W/"v5"`.
public struct EntityTag: Hashable, Sendable, CustomStringConvertible {
    /// Without the quotes.
    public let opaque: String
    public let isWeak: Bool

    /// - Precondition: Visible ASCII without quotes.
    public init(_ opaque: String, isWeak: Bool = false) {
        precondition(opaque.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }, "not an entity tag")
        self.opaque = opaque
        self.isWeak = isWeak
    }

    public var description: String { (isWeak ? "W/\"" : "\"") + opaque + "\"" }
    /// The tag of the same representation in another coding: the bytes differ, the meaning does not.
    public var weakened: EntityTag { EntityTag(opaque, isWeak: true) }
    /// § 8.8.3.2, the weak comparison.
    public func means(_ other: EntityTag) -> Bool { opaque == other.opaque }
}

/// What `If-None-Match` or `If-Match` names.
enum KnownTags: Hashable, Sendable {
    /// `*`
    case any
    case these([EntityTag])

    /// Reads the values of all its lines. What is no tag is passed over: the field decides all the same.
    init(_ values: [String]) {
        var tags: [EntityTag] = []
        for value in values {
            var rest = Substring(value).utf8.drop(while: Self.isSeparator)
            while let first = rest.first {
                if first == 0x2A {
                    self = .any
                    return
                }
                let isWeak = rest.starts(with: "W/\"".utf8)
                let opening = isWeak ? rest.dropFirst(2) : rest
                if opening.first == 0x22, let close = opening.dropFirst().firstIndex(of: 0x22) {
                    let opaque = opening[opening.index(after: opening.startIndex)..<close]
                    if opaque.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                        tags.append(EntityTag(String(Substring(opaque)), isWeak: isWeak))
                    }
                    rest = opening[opening.index(after: close)...]
                } else {
                    rest = rest.drop { $0 != 0x2C }.dropFirst()
                }
                rest = rest.drop(while: Self.isSeparator)
            }
        }
        self = .these(tags)
    }

    /// White space and commas.
    private static func isSeparator(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x2C }

    func names(_ tag: EntityTag) -> Bool {
        switch self {
        case .any: true
        case .these(let tags): tags.contains { $0.means(tag) }
        }
    }

    /// § 8.8.3.2, the strong comparison.
    func namesExactly(_ tag: EntityTag) -> Bool {
        switch self {
        case .any: true
        case .these(let tags): !tag.isWeak && tags.contains(tag)
        }
    }
}

/// What tells one state of a resource from another.
public struct Validators: Hashable, Sendable {
    public var tag: EntityTag
    /// When it last changed; nil: not known.
    public let changedAt: Timestamp?

    public init(tag: EntityTag, changedAt: Timestamp? = nil) {
        self.tag = tag
        self.changedAt = changedAt
    }

    /// A date has whole seconds. Two changes can share one, so a date vouches only for what is older than
    /// this.
    private static let settledMicroseconds: Int64 = 2_000_000

    /// What `Last-Modified` says at `now`, in whole seconds.
    ///
    /// Of a change that is not settled yet, the second before: whoever gets this answer and comes back with
    /// its date is sent whatever else happens within the second.
    func lastModified(at now: Timestamp) -> Timestamp? {
        guard let changedAt else { return nil }
        let second = changedAt.microseconds / 1_000_000 - (isSettled(at: now) ? 0 : 1)
        return Timestamp(microseconds: second * 1_000_000)
    }

    private func isSettled(at now: Timestamp) -> Bool {
        guard let changedAt else { return false }
        return now.microseconds - changedAt.microseconds >= Self.settledMicroseconds
    }

    /// § 13.2.2, steps 1 and 2: whether the client wants the state that this is. `If-Match` decides alone
    /// when it is there; otherwise `If-Unmodified-Since`, if that is a date.
    func areWanted(by request: Request) -> Bool {
        let tags = request.values("if-match")
        if !tags.isEmpty { return KnownTags(tags).namesExactly(tag) }
        guard let changedAt, let since = request.header("if-unmodified-since").flatMap(HTTPDate.parse) else {
            return true
        }
        return changedAt.microseconds / 1_000_000 <= since.microseconds / 1_000_000
    }

    /// Steps 3 and 4: `If-None-Match` decides alone when it is there; otherwise `If-Modified-Since`.
    public func areKnown(to request: Request, at now: Timestamp) -> Bool {
        guard request.method == "GET" || request.method == "HEAD" else { return false }
        let tags = request.values("if-none-match")
        if !tags.isEmpty { return KnownTags(tags).names(tag) }
        guard isSettled(at: now), let changed = lastModified(at: now),
            let since = request.header("if-modified-since").flatMap(HTTPDate.parse), since <= now
        else { return false }
        return changed <= since
    }
}

extension Request {
    /// Of all lines of a field.
    fileprivate func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}
