// What a credential allows. The business comes from here alone, never from a request.

public import Domain

/// What a token may do: `sync:read`, `sync:read:ENTITY`, `sync:write`, `ops`, `*`.
public struct Abilities: Hashable, Sendable {
    public let names: [String]

    public init(_ names: [String]) { self.names = names }

    /// What a till gets.
    public static let till = Abilities(["sync:read", "sync:write"])

    public var readsEverything: Bool { names.contains("*") || names.contains("sync:read") }
    public var mayWrite: Bool { names.contains("*") || names.contains("sync:write") }
    public var mayOperate: Bool { names.contains("*") || names.contains("ops") }

    public func mayRead(_ entity: EntityName) -> Bool {
        readsEverything || names.contains("sync:read:\(entity)")
    }

    /// Whether anything may be read at all.
    public var mayRead: Bool { readsEverything || names.contains { $0.hasPrefix("sync:read:") } }
}

/// A valid credential.
public struct Grant: Hashable, Sendable {
    public let token: TokenID
    public let business: BusinessID
    /// Nil for a user's own token; its token id stands for the device then.
    public let device: DeviceID?
    public let abilities: Abilities

    public init(token: TokenID, business: BusinessID, device: DeviceID?, abilities: Abilities) {
        self.token = token
        self.business = business
        self.device = device
        self.abilities = abilities
    }

    /// The device's name in logs, limits and rosters.
    public var deviceName: String { device?.text ?? "token-\(token)" }
}

/// What became of a presented credential.
public enum Verdict: Hashable, Sendable {
    case granted(Grant)
    /// Not of the grammar.
    case malformed
    /// No such token, or another secret.
    case unknown
    case expired
    case revoked
}
