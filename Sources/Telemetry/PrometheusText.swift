// The Prometheus text format 0.0.4: what `/metrics` answers. Names, help and types are written next to each
// other where the figures are collected, so that none is without them.
// prometheus.io/docs/instrumenting/exposition_formats

/// Writes metric families. A value.
public struct PrometheusText: Sendable {
    /// How a family's samples are to be read.
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    /// What the answer's `Content-Type` says.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public private(set) var text = ""
    /// A family stands once: scrapers refuse a page that repeats one.
    private var names: Set<String> = []

    public init() {}

    /// Families that keep their own figures.
    public mutating func add(_ metrics: [any Metric]) {
        for metric in metrics { metric.write(to: &self) }
    }

    /// One family: its help, its type, its samples.
    ///
    /// - Parameter samples: Labels in order and the value; labels must come from a bounded set.
    public mutating func family(
        _ name: StaticString, _ kind: Kind, _ help: StaticString,
        _ samples: [(labels: [(name: String, value: String)], value: Double)]
    ) {
        open(name, kind, help)
        for sample in samples { line("\(name)", sample.labels, sample.value) }
    }

    /// A family of one sample without labels.
    public mutating func family(_ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: Int) {
        family(name, kind, help, [([], Double(value))])
    }

    /// A histogram without labels, from counts per bucket (the last one takes the rest).
    ///
    /// - Parameter bounds: Upper bounds in the unit of the name, one fewer than `buckets`.
    public mutating func histogram(
        _ name: StaticString, _ help: StaticString, bounds: [Double], buckets: [Int], sum: Double
    ) {
        open(name, .histogram, help)
        samples(of: name, [], bounds: bounds, buckets: buckets, sum: sum)
    }

    /// A histogram for each value of one label.
    mutating func histograms(
        _ name: StaticString, _ help: StaticString, label: StaticString, bounds: [Double],
        _ all: [(value: String, buckets: [Int], sum: Double)]
    ) {
        open(name, .histogram, help)
        for one in all {
            samples(of: name, [("\(label)", one.value)], bounds: bounds, buckets: one.buckets, sum: one.sum)
        }
    }

    private mutating func samples(
        of name: StaticString, _ labels: [(name: String, value: String)], bounds: [Double], buckets: [Int],
        sum: Double
    ) {
        precondition(
            buckets.count == bounds.count + 1, "\(name): a bucket for each bound, and one for the rest")
        var seen = 0
        for (index, count) in buckets.enumerated() {
            seen += count
            let bound = index < bounds.count ? bounds[index] : .infinity
            line("\(name)_bucket", labels + [("le", Self.number(bound))], Double(seen))
        }
        line("\(name)_sum", labels, sum)
        line("\(name)_count", labels, Double(seen))
    }

    private mutating func open(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
        MetricRules.check(name, kind)
        precondition(names.insert("\(name)").inserted, "\(name) stands on the page twice")
        text += "# HELP \(name) \(Self.escaped("\(help)", quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
            text += "{" + pairs.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
    }

    /// Help escapes the backslash and the line feed; a label's value the quote too.
    private static func escaped(_ value: String, quotes: Bool) -> String {
        var out = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": out += "\\\\"
            case "\"" where quotes: out += "\\\""
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }
}
