// A ticket's life. EventSource can send no headers and repeats its URL for ever, so the URL carries a ticket
// that is worth nothing without the cookie set when it was first used:
//
//     issued ──60 s──► dead
//       │ first stream
//       ▼
//     used, not yet `ready` ── again within its 60 s, even without a cookie (the first answer may be lost)
//       │ `ready`
//       ▼
//     bound ── again with its own cookie only, for 30 days by the row
//
// Identity comes from the ticket; the cookie only proves it.

public import Domain

/// A ticket's row, as far as the decision goes. A value.
public struct TicketState: Hashable, Sendable {
    public var expiresAt: Timestamp
    /// How long a used ticket is honoured with its cookie.
    public var boundUntil: Timestamp
    public var isUsed: Bool
    public var wasReady: Bool
    public var isRevoked: Bool

    public init(
        expiresAt: Timestamp, boundUntil: Timestamp, isUsed: Bool = false, wasReady: Bool = false,
        isRevoked: Bool = false
    ) {
        self.expiresAt = expiresAt
        self.boundUntil = boundUntil
        self.isUsed = isUsed
        self.wasReady = wasReady
        self.isRevoked = isRevoked
    }

    /// Whether a stream may be opened with it now.
    public func honours(hasOwnCookie: Bool, now: Timestamp) -> Bool {
        if isRevoked { return false }
        if isUsed && hasOwnCookie { return now < boundUntil }
        return !wasReady && now < expiresAt
    }
}
