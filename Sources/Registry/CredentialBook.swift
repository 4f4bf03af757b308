// Every token in memory, so that a stream or a request is authenticated with one hash and one look-up on its own
// loop, without a database. Replaced whole when the registry's file changes, by us or by anybody else.

public import Domain
import Synchronization

/// A token as the book has it.
struct TokenEntry: Hashable, Sendable {
    let id: TokenID
    let hash: SecretHash
    let business: BusinessID
    let device: DeviceID?
    let abilities: Abilities
    let expiresAt: Timestamp?
    let isRevoked: Bool

    func isAlive(at now: Timestamp) -> Bool { !isRevoked && expiresAt.map { now < $0 } ?? true }
}

/// Checks credentials. From any lane.
public final class CredentialBook: Sendable {
    private struct Pages {
        var byID: [TokenID: TokenEntry] = [:]
        var byHash: [SecretHash: TokenID] = [:]
    }

    private let pages = Mutex(Pages())

    public init() {}

    /// Judges the text behind `Bearer `.
    ///
    /// - Complexity: One SHA-256, one look-up; no I/O.
    public func check(bearer text: String, now: Timestamp) -> Verdict {
        guard (8...256).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return .malformed
        }
        let entry: TokenEntry?
        let hash: SecretHash
        if let bar = text.utf8.firstIndex(of: 0x7C) {
            guard let id = Int64(text[..<bar]), id > 0 else { return .malformed }
            hash = SecretHash(of: text[text.index(after: bar)...].utf8)
            entry = pages.withLock { $0.byID[TokenID(id)] }
        } else {
            hash = SecretHash(of: text)
            entry = pages.withLock { pages in pages.byHash[hash].flatMap { pages.byID[$0] } }
        }
        guard let entry, entry.hash.matches(hash) else { return .unknown }
        return verdict(entry, now)
    }

    /// Judges a token that was proven otherwise: by a ticket.
    public func check(token: TokenID, now: Timestamp) -> Verdict {
        guard let entry = pages.withLock({ $0.byID[token] }) else { return .unknown }
        return verdict(entry, now)
    }

    private func verdict(_ entry: TokenEntry, _ now: Timestamp) -> Verdict {
        if entry.isRevoked { return .revoked }
        if let expiresAt = entry.expiresAt, now >= expiresAt { return .expired }
        return .granted(
            Grant(token: entry.id, business: entry.business, device: entry.device, abilities: entry.abilities))
    }

    /// Replaces everything.
    ///
    /// - Returns: Which tokens were good before and are not any more.
    func replace(with entries: [TokenEntry], now: Timestamp) -> Set<TokenID> {
        var next = Pages()
        for entry in entries {
            next.byID[entry.id] = entry
            next.byHash[entry.hash] = entry.id
        }
        return pages.withLock { pages in
            var died: Set<TokenID> = []
            for (id, old) in pages.byID where !old.isRevoked {
                guard let entry = next.byID[id], entry.isAlive(at: now), entry.hash == old.hash,
                    entry.business == old.business
                else {
                    died.insert(id)
                    continue
                }
            }
            pages = next
            return died
        }
    }

    /// Tokens that have expired by now and were not before `since`.
    func expired(since: Timestamp, now: Timestamp) -> Set<TokenID> {
        pages.withLock { pages in
            Set(pages.byID.values.lazy.filter { $0.expiresAt.map { $0 > since && $0 <= now } ?? false }.map(\.id))
        }
    }
}
