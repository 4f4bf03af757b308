// How many connections there may be, in all and from one address. Counted when they are accepted, before a
// byte is read and whatever they become: a peer that says nothing takes a place too.
//
//     below the limit                  served
//     beyond limits.connections        answered: streams 200 and bye overload, others 503
//     beyond that by a tenth, or beyond limits.connections_per_address         closed unanswered

import Settings
import Synchronization
import Telemetry

/// Counts connections. From any lane.
final class ConnectionPlaces: Sendable {
    /// What a newcomer finds.
    enum Welcome {
        case served(Place)
        /// There are too many; it may be told so.
        case answered(Place)
        case closed
    }

    /// A connection's place; given back when it is let go of. From any lane.
    final class Place: Sendable {
        private let places: ConnectionPlaces
        private let address: String

        fileprivate init(_ places: ConnectionPlaces, _ address: String) {
            self.places = places
            self.address = address
        }

        deinit { places.giveBack(address) }
    }

    /// What was counted. A value.
    struct Counts: Sendable {
        var open = 0
        /// Turned away because there were too many in all.
        var beyondTotal = 0
        /// Turned away because their address had too many.
        var beyondAddress = 0
    }

    private struct Book {
        var ofAddress: [String: Int] = [:]
        var counts = Counts()
    }

    private let book = Mutex(Book())
    private let total: Int
    private let perAddress: Int
    private let proxies: [AddressRange]

    /// Proxies that are trusted speak for many, and are not counted by address.
    init(_ configuration: Configuration) {
        total = configuration.limits.connections
        perAddress = configuration.limits.connectionsPerAddress
        proxies = configuration.server.trustedProxies
    }

    var counts: Counts { book.withLock(\.counts) }

    /// Takes a place, if there is one.
    func take(_ address: String) -> Welcome {
        let isProxy = !proxies.isEmpty && proxies.contains { $0.contains(address) }
        return book.withLock { book in
            if perAddress > 0, !isProxy, book.ofAddress[address, default: 0] >= perAddress {
                book.counts.beyondAddress += 1
                Limit.met.add(.connectionsPerAddress)
                return .closed
            }
            let isBeyond = book.counts.open >= total
            if isBeyond {
                book.counts.beyondTotal += 1
                Limit.met.add(.connections)
            }
            guard book.counts.open < total + max(16, total / 10) else { return .closed }
            book.counts.open += 1
            book.ofAddress[address, default: 0] += 1
            let place = Place(self, address)
            return isBeyond ? .answered(place) : .served(place)
        }
    }

    private func giveBack(_ address: String) {
        book.withLock { book in
            book.counts.open -= 1
            let left = book.ofAddress[address, default: 1] - 1
            book.ofAddress[address] = left > 0 ? left : nil
        }
    }
}
