// What a credential allows. The business comes from here alone, never from a request.

public import Domain

/// What a token may do: `sync:read`, `sync:read:ENTITY`, `sync:write`, `ops`, `*`. Other names are kept and
/// allow nothing: an application's tokens may carry its own.
public struct Abilities: Hashable, Sendable {
    public let names: [String]
    public let readsEverything: Bool
    public let mayWrite: Bool
    public let mayOperate: Bool
    private let readable: Set<EntityName>

    public init(_ names: [String]) {
        self.names = names
        let isAlmighty = names.contains("*")
        readsEverything = isAlmighty || names.contains("sync:read")
        mayWrite = isAlmighty || names.contains("sync:write")
        mayOperate = isAlmighty || names.contains("ops")
        readable = Set(names.compactMap(Self.entity))
    }

    /// What a till gets.
    public static let till = Abilities(["sync:read", "sync:write"])

    public func mayRead(_ entity: EntityName) -> Bool { readsEverything || readable.contains(entity) }

    /// Whether anything may be read at all.
    public var mayRead: Bool { readsEverything || !readable.isEmpty }

    /// What of this a till may have: nobody gives away more than they hold, and no till operates the gateway.
    /// Nil: nothing to read is left.
    func narrowedToTill() -> Abilities? {
        guard mayRead else { return nil }
        let reading = readsEverything ? ["sync:read"] : names.filter { Self.entity($0) != nil }
        return Abilities(reading + (mayWrite ? ["sync:write"] : []))
    }

    private static func entity(_ name: String) -> EntityName? {
        name.hasPrefix("sync:read:") ? EntityName(String(name.dropFirst("sync:read:".count))) : nil
    }
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
