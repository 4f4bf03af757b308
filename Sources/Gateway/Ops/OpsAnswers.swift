// What the operators' side answers, as values that encode themselves. Nothing here holds a secret: tokens are
// named by their numbers.

import Domain
import FanOut
import Foundation
import HTTP
import Registry

/// A page of streams.
struct ConnectionsAnswer: Encodable {
    struct Row: Encodable {
        let stream: String
        let device: String
        let business: String
        let token: Int64
        let address: String
        let agent: String
        let state: String
        let entities: Int
        let position: Int64
        let lagChanges: Int
        let lagSeconds: Int
        let unsentBytes: Int
        let sentBytes: Int
        let ageSeconds: Int
    }

    let total: Int
    let offset: Int
    let connections: [Row]

    init(_ reports: StreamReports, offset: Int) {
        total = reports.matched
        self.offset = offset
        connections = reports.first.dropFirst(offset).map { report in
            Row(
                stream: report.id.description, device: report.device, business: report.business.description,
                token: report.token.rawValue, address: report.address, agent: report.agent,
                state: report.state.rawValue, entities: report.entityCount,
                position: report.position.rawValue, lagChanges: report.lagChanges,
                lagSeconds: report.lagSeconds, unsentBytes: report.unsentBytes, sentBytes: report.sentBytes,
                ageSeconds: report.ageSeconds)
        }
    }
}

/// A page of registered devices: which tills are behind, whether or not they are connected.
struct DevicesAnswer: Encodable {
    struct Device: Encodable {
        let device: String
        let business: String
        let name: String
        let platform: String?
        let appVersion: String?
        let state: String
        /// The position it last said it has stored; nil: it never said.
        let acknowledged: Int64?
        let acknowledgedAt: String?
        /// Journal rows of any business since then; nil where it never acknowledged in this history.
        let behind: Int64?
        let streams: Int
        let createdAt: String
        let lastSeenAt: String
    }

    let total: Int
    let offset: Int
    let head: Int64
    let devices: [Device]

    init(_ records: [DeviceRecord], head: Head, query: DevicesQuery, open: [DeviceName: Int]) {
        var rows: [Device] = []
        for record in records where query.matches(record) {
            let name = DeviceName(business: record.business, device: record.device.text)
            rows.append(Device(record, head: head, streams: open[name] ?? 0))
        }
        rows.sort { $0.rank > $1.rank }
        total = rows.count
        offset = query.offset
        self.head = head.seq.rawValue
        devices = Array(rows.dropFirst(query.offset).prefix(query.limit))
    }
}

extension DevicesAnswer.Device {
    fileprivate init(_ record: DeviceRecord, head: Head, streams: Int) {
        device = record.device.text
        business = record.business.description
        name = record.name
        platform = record.platform
        appVersion = record.appVersion
        state = record.state.rawValue
        acknowledged = record.acknowledged?.rawValue
        acknowledgedAt = record.acknowledgedAt?.description
        if let seq = record.acknowledged, record.acknowledgedEpoch == head.epoch {
            behind = max(0, head.seq.rawValue - seq.rawValue)
        } else {
            behind = nil
        }
        self.streams = streams
        createdAt = record.createdAt.description
        lastSeenAt = record.lastSeenAt.description
    }

    /// Who never acknowledged comes first, then who is furthest behind.
    fileprivate var rank: (Int64, String) { (behind ?? .max, device) }
}

/// Which devices.
struct DevicesQuery: Sendable {
    var business: String?
    var state: DeviceRecord.State?
    var text: String?
    var offset = 0
    var limit = 100

    func matches(_ record: DeviceRecord) -> Bool {
        if let business, record.business.description != business { return false }
        if let state, record.state != state { return false }
        guard let text, !text.isEmpty else { return true }
        return record.device.text.contains(text) || record.name.contains(text)
    }
}

/// Whether the gateway is leaving, and how far it is.
struct DrainAnswer: Encodable {
    let draining: Bool
    let streams: Int
}

/// How many streams were told to go.
struct DisconnectAnswer: Encodable {
    let disconnected: Int
}

extension Response {
    /// A value as JSON with snake_case names, never cached.
    static func encoded(_ value: some Encodable, status: Int = 200) -> Response {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            return .error(500, "internal", "The answer could not be written.")
        }
        return .json(Array(data), status: status, fields: [("Cache-Control", "no-store")])
    }
}
