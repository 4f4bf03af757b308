// Tickets, for clients that can send no headers. See TicketState for their life.
//
// A ticket nobody issued is answered without a write: whoever guesses costs a look-up, not a commit.

import Crypto
public import Domain
import GRDB
import Telemetry

/// What a presented ticket came to.
public enum TicketVerdict: Hashable, Sendable {
    /// A stream may be opened; set this cookie.
    case honoured(token: TokenID, cookieName: String, cookie: Secret, ticket: SecretHash)
    /// Not (any more): say `credential` once, then 204.
    case dead(wasTold: Bool)
}

extension Registry {
    /// Makes a ticket for the holder of a token, bound to that token, its business and its device. It is
    /// written down unless the token was erased meanwhile, and is dead then.
    ///
    /// - Parameters:
    ///   - lifetimeSeconds: Until its first use.
    ///   - boundSeconds: For reconnecting with its cookie.
    public func issueTicket(_ grant: Grant, lifetimeSeconds: Int64, boundSeconds: Int64) throws -> Secret {
        let secret = Secret.random()
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO tidings_tickets(hash, token, business, device, created_at, expires_at, bound_until)
                    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
                    WHERE ?2 < 0 OR EXISTS(SELECT 1 FROM tidings_tokens WHERE id = ?2)
                    """,
                arguments: [
                    SecretHash(of: secret.revealed).hex, grant.token.rawValue, grant.business.databaseValue,
                    grant.device?.text, now.microseconds, now.adding(seconds: lifetimeSeconds).microseconds,
                    now.adding(seconds: boundSeconds).microseconds,
                ])
        }
        Self.tickets.add(.issued)
        return secret
    }

    /// The name of the cookie that proves a ticket.
    public static func cookieName(of ticket: SecretHash) -> String { "tidings_" + ticket.hex.prefix(8) }

    /// The value of the cookie that proves a ticket: the same at every use, so that a lost answer loses
    /// nothing.
    private func cookie(of ticket: SecretHash) -> Secret {
        let code = HMAC<SHA256>.authenticationCode(for: ticket.bytes, using: cookieKey)
        return Secret(SecretHash(code).hex)
    }

    /// Uses a ticket for a stream. Each use sets the cookie anew.
    ///
    /// - Parameter cookie: The value of the ticket's own cookie, if it was sent.
    public func redeemTicket(_ text: String, cookie presented: String?) throws -> TicketVerdict {
        let hash = SecretHash(of: text)
        let own = cookie(of: hash)
        let hasOwnCookie = presented.map { SecretHash(of: $0).matches(SecretHash(of: own.revealed)) } ?? false
        guard let row = try queue.read({ try Self.ticket(hash, in: $0) }), isBoundStill(row),
            TicketState(row).honours(hasOwnCookie: hasOwnCookie, now: now)
        else {
            Self.tickets.add(.dead)
            return .dead(wasTold: !told.insert(hash))
        }
        if (row["used_at"] as Int64?) == nil {
            try queue.write { db in
                try db.execute(
                    sql: "UPDATE tidings_tickets SET used_at = coalesce(used_at, ?) WHERE hash = ?",
                    arguments: [now.microseconds, hash.hex])
            }
        }
        Self.tickets.add(.honoured)
        return .honoured(
            token: TokenID(row["token"]), cookieName: Self.cookieName(of: hash), cookie: own, ticket: hash)
    }

    /// Whether the token is good, and still of the business and the device that the ticket was made for.
    private func isBoundStill(_ row: Row) -> Bool {
        guard case .granted(let grant) = book.check(token: TokenID(row["token"]), now: now) else {
            return false
        }
        return grant.business == row.business && grant.device?.text == row["device"]
    }

    /// A stream opened with it was `ready`: from here on only its cookie opens another.
    public func ticketWasReady(_ ticket: SecretHash) throws {
        guard let row = try queue.read({ try Self.ticket(ticket, in: $0) }), !TicketState(row).wasReady else {
            return
        }
        try queue.write { db in
            try db.execute(
                sql: "UPDATE tidings_tickets SET ready_at = ? WHERE hash = ? AND ready_at IS NULL",
                arguments: [now.microseconds, ticket.hex])
        }
    }

    /// Ends the tickets of a token; the token stays. Streams that are open stay too: they are the token's.
    public func revokeTickets(of token: TokenID) throws {
        try queue.write { db in
            try db.execute(
                sql: "UPDATE tidings_tickets SET revoked_at = ? WHERE token = ? AND revoked_at IS NULL",
                arguments: [now.microseconds, token.rawValue])
        }
    }

    private static func ticket(_ hash: SecretHash, in db: Database) throws -> Row? {
        try Row.fetchOne(db, sql: "SELECT * FROM tidings_tickets WHERE hash = ?", arguments: [hash.hex])
    }

    // MARK: Counted

    enum TicketOutcome: String, MetricLabel { case issued, honoured, dead }

    static let tickets = LabelledCounter<TicketOutcome>(
        "tidings_tickets_total", help: "Stream tickets made and presented, by outcome.", label: "outcome")
}

extension TicketState {
    fileprivate init(_ row: Row) {
        self.init(
            expiresAt: Timestamp(microseconds: row["expires_at"]),
            boundUntil: Timestamp(microseconds: row["bound_until"]),
            isUsed: (row["used_at"] as Int64?) != nil,
            wasReady: (row["ready_at"] as Int64?) != nil, isRevoked: (row["revoked_at"] as Int64?) != nil)
    }
}

/// The hashes seen last. A value.
struct RecentHashes {
    private let capacity: Int
    private var known: Set<SecretHash> = []
    private var order: [SecretHash] = []
    private var next = 0

    init(capacity: Int) { self.capacity = capacity }

    /// Whether it is new. The oldest makes room.
    mutating func insert(_ hash: SecretHash) -> Bool {
        guard known.insert(hash).inserted else { return false }
        if order.count < capacity {
            order.append(hash)
        } else {
            known.remove(order[next])
            order[next] = hash
            next = (next + 1) % capacity
        }
        return true
    }
}
