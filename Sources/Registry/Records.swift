// Rows as they are listed, and what is said to make one.

public import Domain

/// Why a registry call did not do what was asked.
public enum RegistryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No such code, used up, or expired: one answer for all three.
    case badEnrolmentCode
    /// The credential may not do this: it reads nothing, is another device's own, or died meanwhile.
    case notAllowed
    case unknownDevice
    case unknownToken
    case unknownUser
    case unknownEnrolmentCode

    /// For whoever typed the command.
    public var description: String {
        switch self {
        case .badEnrolmentCode: "the enrolment code is not good, or used up"
        case .notAllowed: "the credential may not do this"
        case .unknownDevice: "the business has no such device; `tidings device list` shows all"
        case .unknownToken: "there is no such token; `tidings token list` shows all"
        case .unknownUser: "there is no such user"
        case .unknownEnrolmentCode: "there is no such enrolment code"
        }
    }
}

/// A person's row.
public struct UserID: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public var description: String { String(rawValue) }
}

/// An enrolment code's row; the code itself is nowhere.
public struct EnrolmentCodeID: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
    public var description: String { String(rawValue) }
}

/// A person as listed.
public struct UserRecord: Hashable, Sendable {
    public let id: UserID
    public let business: BusinessID
    public let name: String
    public let createdAt: Timestamp
}

/// A token as listed; its secret is nowhere.
public struct TokenRecord: Hashable, Sendable {
    public let id: TokenID
    public let business: BusinessID
    public let device: String?
    public let name: String
    public let abilities: Abilities
    public let lastUsedAt: Timestamp?
    public let expiresAt: Timestamp?
    public let isRevoked: Bool
}

/// A device as listed.
public struct DeviceRecord: Hashable, Sendable {
    /// Whether a device may connect.
    public enum State: String, Hashable, Sendable, CaseIterable { case active, revoked }

    public let business: BusinessID
    public let device: DeviceID
    public let name: String
    public let platform: String?
    public let appVersion: String?
    public let state: State
    /// A position means something in this epoch only.
    public let acknowledgedEpoch: Epoch?
    public let acknowledged: Seq?
    public let acknowledgedAt: Timestamp?
    public let createdAt: Timestamp
    public let lastSeenAt: Timestamp
}

/// An enrolment code as listed.
public struct EnrolmentCodeRecord: Hashable, Sendable {
    public let id: EnrolmentCodeID
    public let business: BusinessID
    public let abilities: Abilities
    public let usesLeft: Int
    public let expiresAt: Timestamp
}

/// What a till says of itself.
public struct DeviceDescription: Hashable, Sendable {
    public var device: DeviceID
    public var name: String
    public var platform: String?
    public var appVersion: String?

    public init(device: DeviceID, name: String, platform: String? = nil, appVersion: String? = nil) {
        self.device = device
        self.name = name
        self.platform = platform
        self.appVersion = appVersion
    }
}
