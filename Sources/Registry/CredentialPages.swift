// Tokens as values: what the file says of them, without the file.

import Domain

/// A token as the gateway judges it.
struct TokenEntry: Hashable, Sendable {
    let id: TokenID
    let hash: SecretHash
    let business: BusinessID
    let device: DeviceID?
    let abilities: Abilities
    let expiresAt: Timestamp?
    /// Revoked, or without its owner: a device's token is good while the device is registered and active, a
    /// user's while the user is there.
    let isRevoked: Bool
    /// Revoked because its device, still welcome, has a newer one.
    var isRenewed = false

    func verdict(at now: Timestamp) -> Verdict {
        if isRevoked { return .revoked }
        if let expiresAt, now >= expiresAt { return .expired }
        return .granted(Grant(token: id, business: business, device: device, abilities: abilities))
    }

    /// Its holder is to forget what it knows.
    var isShutOut: Bool { isRevoked && !isRenewed }

    func isGood(at now: Timestamp) -> Bool { !isRevoked && (expiresAt.map { now < $0 } ?? true) }
}

/// All tokens, by id and by hash. A value.
struct CredentialPages: Sendable {
    private(set) var byID: [TokenID: TokenEntry] = [:]
    private var byHash: [SecretHash: TokenID] = [:]

    init(_ entries: [TokenEntry] = []) {
        byID.reserveCapacity(entries.count)
        byHash.reserveCapacity(entries.count)
        for entry in entries { set(entry.id, to: entry) }
    }

    /// - Parameter entry: Nil: there is no such token (any more).
    mutating func set(_ id: TokenID, to entry: TokenEntry?) {
        if let old = byID.updateValue(or: entry, at: id) { byHash[old.hash] = nil }
        if let entry { byHash[entry.hash] = id }
    }

    /// The token of that id, or of that secret where no id was said.
    func entry(for bearer: BearerToken, naming: (Int64) -> TokenID) -> TokenEntry? {
        if let id = bearer.id { return byID[naming(id)] }
        return byHash[bearer.hash].flatMap { byID[$0] }
    }
}

extension Dictionary {
    /// Sets or removes; returns what was there.
    fileprivate mutating func updateValue(or value: Value?, at key: Key) -> Value? {
        guard let value else { return removeValue(forKey: key) }
        return updateValue(value, forKey: key)
    }
}

/// The tokens that were good at the last look: what a death is told from. A value.
///
/// A token dies when it is revoked, expires, disappears, or becomes another one: a live stream holds the
/// grant it began with, so a changed secret, business, device or list of abilities must end it too.
struct LivingTokens: Sendable {
    private var entries: [TokenID: TokenEntry] = [:]
    /// No living token expires before this. Nil: none expires at all.
    private var nextExpiry: Timestamp?

    var count: Int { entries.count }

    /// Everything was read again. Returns who died.
    mutating func replace(with pages: CredentialPages, now: Timestamp) -> Set<TokenID> {
        let before = entries
        entries = [:]
        nextExpiry = nil
        for entry in pages.byID.values { admit(entry, now) }
        return Set(
            before.values.lazy.filter { [entries] in entries[$0.id]?.grants(as: $0) != true }.map(\.id))
    }

    /// One token was read again. Returns whether it died.
    mutating func set(_ id: TokenID, to entry: TokenEntry?, now: Timestamp) -> Bool {
        let old = entries.removeValue(forKey: id)
        if let entry { admit(entry, now) }
        guard let old else { return false }
        return entries[id]?.grants(as: old) != true
    }

    /// Time has passed. Returns who died of it. Costs nothing until somebody does.
    mutating func expire(now: Timestamp) -> Set<TokenID> {
        guard let nextExpiry, nextExpiry <= now else { return [] }
        let died = Set(entries.values.lazy.filter { !$0.isGood(at: now) }.map(\.id))
        for id in died { entries[id] = nil }
        self.nextExpiry = entries.values.lazy.compactMap(\.expiresAt).min()
        return died
    }

    private mutating func admit(_ entry: TokenEntry, _ now: Timestamp) {
        guard entry.isGood(at: now) else { return }
        entries[entry.id] = entry
        if let expiresAt = entry.expiresAt { nextExpiry = min(nextExpiry ?? expiresAt, expiresAt) }
    }
}

extension TokenEntry {
    fileprivate func grants(as other: TokenEntry) -> Bool {
        hash == other.hash && business == other.business && device == other.device
            && abilities == other.abilities
    }
}
