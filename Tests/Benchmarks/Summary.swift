// Many measurements as a few figures.

import Foundation

/// Percentiles of a set of values.
struct Summary {
    private let sorted: [Double]

    init(_ values: [Double]) { sorted = values.sorted() }

    var count: Int { sorted.count }
    var max: Double { sorted.last ?? .nan }

    /// The value below which that share of the measurements lies.
    func percentile(_ share: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        return sorted[Swift.min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}

/// One line of JSON, for programs.
func printJSON(_ object: [String: Any]) {
    guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) else {
        return
    }
    print(String(decoding: data, as: UTF8.self))
}

extension Double {
    /// With that many places.
    func text(_ places: Int = 2) -> String { String(format: "%.\(places)f", self) }
}

extension String {
    func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
