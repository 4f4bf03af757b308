// How long, or how much: counts in buckets whose bounds are fixed at definition.

import Synchronization

/// Durations in buckets. From any lane.
public final class Histogram: Metric {
    public let name: StaticString
    public let help: StaticString
    private let boundsMicroseconds: [Int64]
    /// One more than bounds: the last takes the rest.
    private let cells: [Cell]
    private let sumMicroseconds = Atomic<Int64>(0)

    /// One bucket. From any lane.
    private final class Cell: Sendable {
        let count = Atomic<Int>(0)
    }

    /// 250 µs, doubling, to 8 s: from a cached read to what somebody will complain about.
    public static let usualBounds = (0..<16).map { Duration.microseconds(250 << $0) }

    /// - Parameters:
    ///   - name: Ends with `_seconds`.
    ///   - bounds: Upper bounds, ascending, at least one.
    public init(_ name: StaticString, help: StaticString, bounds: [Duration] = usualBounds) {
        self.name = name
        self.help = help
        boundsMicroseconds = bounds.map(\.microseconds)
        cells = (0...bounds.count).map { _ in Cell() }
        MetricRules.check(name, .histogram)
        precondition(
            !bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<), "\(name): bounds ascend")
    }

    /// - Complexity: A handful of comparisons, two relaxed additions. Less than nothing (a clock was set)
    ///   is zero.
    public func observe(_ duration: Duration) {
        let value = max(0, duration.microseconds)
        let index = boundsMicroseconds.firstIndex { value <= $0 } ?? boundsMicroseconds.count
        cells[index].count.wrappingAdd(1, ordering: .relaxed)
        sumMicroseconds.wrappingAdd(value, ordering: .relaxed)
    }

    public func write(to page: inout PrometheusText) {
        page.histogram(
            name, help, bounds: boundsMicroseconds.map { Double($0) / 1_000_000 },
            buckets: cells.map { $0.count.load(ordering: .relaxed) },
            sum: Double(sumMicroseconds.load(ordering: .relaxed)) / 1_000_000)
    }
}

extension Duration {
    fileprivate var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
