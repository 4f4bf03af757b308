// Why a token cannot be answered. Always said aloud: 410 to a poll, `reset` on a stream.

/// A presented token that cannot be continued from.
public struct Refusal: Error, Hashable, Sendable {
    /// The reason, in the words of the wire.
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// Tombstones the client would need were purged.
        case retention
        /// Another history: the database was restored or lost committed rows.
        case epoch
        /// Beyond the newest committed change.
        case ahead
        /// Other business, other catalogue generation, or more entities than the token was made for.
        case scope
        /// The null token, or no token at all.
        case unknown
    }

    public let reason: Reason
    /// Under `scope`: the entities that the token does not cover. Otherwise empty: all of them.
    public let entities: EntitySet

    public init(_ reason: Reason, entities: EntitySet = EntitySet()) {
        self.reason = reason
        self.entities = entities
    }
}

/// The business and entities an answer is for: from the credential and the request, never from the token.
public struct Scope: Hashable, Sendable {
    public let business: BusinessID
    public let entities: EntitySet

    public init(business: BusinessID, entities: EntitySet) {
        self.business = business
        self.entities = entities
    }
}

extension SyncToken {
    /// The checks that need no database: business, generation and entities. Nil: passed.
    public func refusal(for scope: Scope, generation: UInt32) -> Refusal? {
        guard business == BusinessTag(of: scope.business), self.generation == generation else {
            return Refusal(.scope)
        }
        guard scope.entities.isSubset(of: entities) else {
            return Refusal(.scope, entities: scope.entities.subtracting(entities))
        }
        return nil
    }
}

extension Head {
    /// The settled token of this head for a scope.
    public func token(for scope: Scope, generation: UInt32) -> SyncToken {
        SyncToken(
            epoch: epoch, pos: seq, base: seq, nonce: nonce, business: BusinessTag(of: scope.business),
            entities: scope.entities, generation: generation)
    }
}
