// What goes up and down.

import Synchronization

/// A number as it is now. From any lane.
public final class Gauge: Metric {
    public let name: StaticString
    public let help: StaticString
    private let cell = Atomic<Int>(0)

    /// - Parameter name: Ends with its unit, if it has one, and never with `_total`.
    public init(_ name: StaticString, help: StaticString) {
        self.name = name
        self.help = help
        MetricRules.check(name, .gauge)
    }

    public func set(_ value: Int) { cell.store(value, ordering: .relaxed) }
    public func add(_ count: Int) { cell.wrappingAdd(count, ordering: .relaxed) }
    public var value: Int { cell.load(ordering: .relaxed) }

    public func write(to page: inout PrometheusText) { page.family(name, .gauge, help, value) }
}
