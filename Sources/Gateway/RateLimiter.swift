// Who may ask how often. One window a till and group, whichever token it shows, so that it is limited by what
// it does itself; one an address only for those who show no valid token, so that no till pays for its
// neighbours.
//
//     general         records, registrations        a till; a registration: its code or its person
//     sync            full, changes, digest         a till
//     batch           uploads                       a till
//     continuation    what a sync makes necessary:  a till
//                     further pages, acks, tickets, long polls, streams, pieces of a repair
//     authentication  failures only                 an address

import Domain
import HTTP
import Lanes
import Registry
import Settings
import Synchronization
import Telemetry

/// Which limit a request counts towards.
enum RateGroup: String, MetricLabel {
    case general, sync, batch, continuation, authentication
}

/// Whose window it is.
enum RatePayer: Hashable, Sendable {
    case device(BusinessID, DeviceID)
    /// Of a person, or of a business.
    case token(TokenID)
    /// An IPv6 client owns a /64 at least: the block stands for it.
    case address(String)
    indirect case registrations(RatePayer)
    case registrationsWith(code: SecretHash)

    init(_ grant: Grant) {
        self = grant.device.map { .device(grant.business, $0) } ?? .token(grant.token)
    }

    static func at(_ address: String) -> RatePayer {
        .address(NumericAddress.block(address, ipv4Bits: 32, ipv6Bits: 64) ?? address)
    }
}

/// The windows of all groups. From any lane.
final class RateLimiter: Sendable {
    /// One group's windows. From any lane.
    private final class Book: Sendable {
        let table: Mutex<RateTable>

        init(requests: Int, keysMax: Int) {
            table = Mutex(RateTable(RateLimit(requests: requests, seconds: 60), keysMax: keysMax))
        }
    }

    private let books: [RateGroup: Book]
    private let clock: WallClock

    init(_ rates: Configuration.Rates, clock: WallClock) {
        self.clock = clock
        let limits: [(RateGroup, Int)] = [
            (.general, rates.general), (.sync, rates.sync), (.batch, rates.batch),
            (.continuation, rates.continuation), (.authentication, rates.authentication),
        ]
        books = Dictionary(
            uniqueKeysWithValues: limits.filter { $0.1 > 0 }.map {
                ($0.0, Book(requests: $0.1, keysMax: rates.keys))
            })
    }

    /// Counts a request; nil when the group has no limit.
    ///
    /// - Complexity: One hash, one look-up under a lock of the group's own.
    func hit(_ group: RateGroup, _ payer: RatePayer) -> RateStanding? {
        guard let book = books[group] else { return nil }
        let standing = book.table.withLock { $0.hit(payer.hashValue, at: clock.now) }
        if !standing.isAllowed { Self.refusals.add(group) }
        return standing
    }

    /// Windows that were forgotten early, of all groups.
    var forgottenCount: Int { books.values.reduce(0) { $0 + $1.table.withLock(\.forgottenCount) } }

    static let refusals = LabelledCounter<RateGroup>(
        "tidings_rate_limited_total", help: "Requests beyond a rate limit, by its group.", label: "group")
}
