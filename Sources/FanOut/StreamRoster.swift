// Who has a stream, over all shards: what admission looks at. A device may hold a few; beyond, the newcomer
// is turned away, unless one of the old is probably gone: then that one is. Tabs never throw each other out
// in turn. And which entity sets have tails of their own: encoding is for all shards at once, so the bound is
// over all of them.

public import Domain
import Synchronization
import Telemetry

/// How many streams may be open. 0 means no limit.
public struct StreamLimits: Hashable, Sendable {
    public var total: Int
    public var perBusiness: Int
    public var perDevice: Int
    public var perAddress: Int

    public init(total: Int, perBusiness: Int, perDevice: Int, perAddress: Int) {
        self.total = total
        self.perBusiness = perBusiness
        self.perDevice = perDevice
        self.perAddress = perAddress
    }
}

/// What admission says to a newcomer.
public enum Admission: Hashable, Sendable {
    case welcome
    /// Welcome, once this stream of the same device is closed: its peer was silent for two heartbeats.
    case inPlaceOf(StreamID, shard: Int)
    case tooMany(ofDevice: Bool)
}

/// All open streams of this process. From any lane.
public final class StreamRoster: Sendable {
    private struct Entry {
        let stream: StreamID
        let shard: Int32
        var isSilent = false
    }
    /// The streams of one device: nearly always one, so the first needs no array.
    private struct Device {
        var first: Entry
        var others: [Entry] = []

        var count: Int { 1 + others.count }
        var silent: Entry? { first.isSilent ? first : others.first(where: \.isSilent) }

        mutating func mark(_ stream: StreamID, silent: Bool) {
            if first.stream == stream { return first.isSilent = silent }
            guard let index = others.firstIndex(where: { $0.stream == stream }) else { return }
            others[index].isSilent = silent
        }

        /// False when it was the only one.
        mutating func remove(_ stream: StreamID) -> Bool {
            if first.stream != stream {
                others.removeAll { $0.stream == stream }
                return true
            }
            guard let next = others.popLast() else { return false }
            first = next
            return true
        }
    }
    private struct Book {
        var total = 0
        var ofBusiness: [BusinessID: Int] = [:]
        var ofAddress: [String: Int] = [:]
        /// By token: a device has one, and a token without a device stands for one.
        var ofDevice: [TokenID: Device] = [:]
        /// For each entity set that has a tail, how many shards have it.
        var tails: [BusinessID: [EntitySet: Int]] = [:]
    }

    private let book = Mutex(Book())
    private let limits: Mutex<StreamLimits>

    public init(limits: StreamLimits) { self.limits = Mutex(limits) }

    /// Replaces the limits for streams to come.
    public func setLimits(_ limits: StreamLimits) { self.limits.withLock { $0 = limits } }

    public var total: Int { book.withLock { $0.total } }

    /// Enters a stream, or says why not.
    public func admit(
        _ stream: StreamID, _ identity: StreamIdentity, of business: BusinessID, shard: Int
    ) -> Admission {
        let limits = limits.withLock { $0 }
        func isOver(_ count: Int, _ limit: Int) -> Bool { limit > 0 && count >= limit }
        return book.withLock { book in
            let reached: Limit? =
                isOver(book.total, limits.total)
                ? .connections
                : isOver(book.ofBusiness[business] ?? 0, limits.perBusiness)
                    ? .streamsPerBusiness
                    : isOver(book.ofAddress[identity.address] ?? 0, limits.perAddress)
                        ? .connectionsPerAddress : nil
            if let reached {
                Limit.met.add(reached)
                return .tooMany(ofDevice: false)
            }
            var admission = Admission.welcome
            if let device = book.ofDevice[identity.token], isOver(device.count, limits.perDevice) {
                Limit.met.add(.streamsPerDevice)
                guard let gone = device.silent else { return .tooMany(ofDevice: true) }
                admission = .inPlaceOf(gone.stream, shard: Int(gone.shard))
                // One place is given away once: the next newcomer does not find it.
                book.ofDevice[identity.token]?.mark(gone.stream, silent: false)
            }
            book.total += 1
            book.ofBusiness[business, default: 0] += 1
            book.ofAddress[identity.address, default: 0] += 1
            let entry = Entry(stream: stream, shard: Int32(shard))
            if book.ofDevice[identity.token]?.others.append(entry) == nil {
                book.ofDevice[identity.token] = Device(first: entry)
            }
            return admission
        }
    }

    /// Strikes a stream that was admitted.
    public func remove(_ stream: StreamID, _ identity: StreamIdentity, of business: BusinessID) {
        book.withLock { book in
            book.total -= 1
            Self.decrease(&book.ofBusiness, business)
            Self.decrease(&book.ofAddress, identity.address)
            if book.ofDevice[identity.token]?.remove(stream) == false { book.ofDevice[identity.token] = nil }
            Self.fit(&book.ofDevice)
            Self.fit(&book.ofAddress)
            Self.fit(&book.ofBusiness)
        }
    }

    /// Notes whether a stream's peer still acknowledges what is sent to it.
    func mark(_ stream: StreamID, _ identity: StreamIdentity, silent: Bool) {
        book.withLock { $0.ofDevice[identity.token]?.mark(stream, silent: silent) }
    }

    /// Enters a shard's new tail, unless its business has `max` other entity sets with tails already.
    func openTail(_ key: TailKey, max: Int) -> Bool {
        book.withLock { book in
            let sets = book.tails[key.business] ?? [:]
            guard sets[key.entities] != nil || sets.count < max else { return false }
            book.tails[key.business, default: [:]][key.entities, default: 0] += 1
            return true
        }
    }

    /// Strikes a shard's tail.
    func closeTail(_ key: TailKey) {
        book.withLock { book in
            guard var sets = book.tails[key.business] else { return }
            Self.decrease(&sets, key.entities)
            book.tails[key.business] = sets.isEmpty ? nil : sets
        }
    }

    /// Lets go of a large table's room once nearly all have left it: O(1) for each that left.
    private static func fit<Name: Hashable, Value>(_ table: inout [Name: Value]) {
        guard table.capacity > 1_024, table.count * 8 < table.capacity else { return }
        table = Dictionary(uniqueKeysWithValues: table.lazy.map { ($0.key, $0.value) })
    }

    private static func decrease<Name: Hashable>(_ counts: inout [Name: Int], _ name: Name) {
        guard let count = counts[name] else { return }
        counts[name] = count > 1 ? count - 1 : nil
    }
}
