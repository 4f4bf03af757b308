// The query strings of /connections and /devices, checked: what is wrong is said, not guessed.

import Domain
import FanOut
import HTTP
import Registry

/// Reads query values and collects what is wrong with them. A value.
struct OpsQuery {
    private let value: (String) -> String?
    private(set) var failures: [(field: String, message: String)] = []

    private static let limitMax = 1_000
    private static let offsetMax = 100_000

    init(_ request: Request) { value = request.target.value }

    /// How many to leave out, and how many to show.
    private mutating func page() -> (offset: Int, limit: Int) {
        (
            number("offset", 0...Self.offsetMax, standard: 0),
            number("limit", 1...Self.limitMax, standard: 100)
        )
    }

    private mutating func number(_ field: String, _ range: ClosedRange<Int>, standard: Int) -> Int {
        guard let text = value(field) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            failures.append(
                (field, "The \(field) must be between \(range.lowerBound) and \(range.upperBound)."))
            return standard
        }
        return number
    }

    private mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ field: String, _ type: Choice.Type
    ) -> Choice? {
        guard let text = value(field) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        failures.append((field, "The selected \(field) is invalid; it is one of \(all)."))
        return nil
    }

    /// `business=`, `device=`, `state=`, `q=`, `sort=`, `offset=`, `limit=`.
    mutating func streams() -> (query: StreamQuery, offset: Int) {
        var query = StreamQuery()
        let (offset, limit) = page()
        query.business = value("business").map(Self.business)
        query.device = value("device")
        query.state = choice("state", StreamReport.State.self)
        query.text = value("q")
        query.order = choice("sort", StreamQuery.Order.self) ?? .lag
        query.limit = offset + limit
        return (query, offset)
    }

    /// `business=`, `state=`, `q=`, `offset=`, `limit=`.
    mutating func devices() -> DevicesQuery {
        let (offset, limit) = page()
        return DevicesQuery(
            business: value("business"), state: choice("state", DeviceRecord.State.self), text: value("q"),
            offset: offset, limit: limit)
    }

    static func business(_ text: String) -> BusinessID {
        Int64(text).map { BusinessID($0) } ?? BusinessID(.text(text))
    }
}

extension StreamQuery {
    /// What `POST /connections/disconnect` names: `stream`, or `device` with `business`, or `business`.
    /// Nil when it names nobody: everybody is never meant by accident.
    init?(disconnecting body: JSONValue) {
        self.init()
        if case .string(let text) = body["stream"] {
            guard text.hasPrefix("s"), let number = UInt64(text.dropFirst()) else { return nil }
            ids = [StreamID(number)]
        }
        switch body["business"] {
        case .string(let text): business = OpsQuery.business(text)
        case .number(let text): business = OpsQuery.business(text)
        default: break
        }
        if case .string(let text) = body["device"] { device = text }
        guard ids != nil || business != nil || device != nil else { return nil }
    }
}
