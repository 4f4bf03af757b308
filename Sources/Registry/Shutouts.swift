// Who was shut out, asked of the gateway's own file itself. The book learns it a moment later, which is soon
// enough for reading; what is written on an upload's behalf must not come behind an erasure.

public import Domain
import GRDB

/// Looks tokens up over a connection of its own. From any lane; blocks.
public struct Shutouts: Sendable {
    private let queue: DatabaseQueue

    /// - Parameter path: A file that a `Registry` has made.
    /// - Throws: The database's errors.
    public init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(1)
        queue = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Whether the token was revoked or is gone, and its device has no newer one. The application's own
    /// tokens are its affair.
    ///
    /// - Throws: The database's errors.
    /// - Complexity: One look-up.
    public func contains(_ token: TokenID) throws -> Bool {
        guard token.applicationID == nil else { return false }
        return try queue.read { try TokenEntry.one(token, in: $0)?.isShutOut ?? true }
    }
}
