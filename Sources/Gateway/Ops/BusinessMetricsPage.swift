// What `/metrics/businesses` says: the largest businesses by name, the rest as one, so that the number of
// series is bounded however many businesses there are.

import Domain
import FanOut
import Telemetry

/// The text of one scrape. A value.
struct BusinessMetricsPage {
    /// Businesses with series of their own.
    static let topMax = 50

    let text: String

    /// - Parameter parts: What each shard has.
    init(_ parts: [[BusinessID: BusinessTally]]) {
        var tallies: [BusinessID: BusinessTally] = [:]
        for (business, tally) in parts.joined() { tallies[business, default: BusinessTally()] += tally }
        let ranked = tallies.sorted {
            ($0.value.streams, $1.key.description) > ($1.value.streams, $0.key.description)
        }
        var rows = ranked.prefix(Self.topMax).map { row in
            // A business of that very name must not be taken for the rest.
            let name = row.key.description
            return (name: name == "other" ? "'other'" : name, tally: row.value)
        }
        if ranked.count > Self.topMax {
            let rest = ranked.dropFirst(Self.topMax).reduce(into: BusinessTally()) { $0 += $1.value }
            rows.append((name: "other", tally: rest))
        }
        var page = PrometheusText()
        func family(_ name: StaticString, _ help: StaticString, _ value: (BusinessTally) -> Int) {
            page.family(
                name, .gauge, help, rows.map { ([("business", $0.name)], Double(value($0.tally))) })
        }
        family("tidings_business_streams", "Open streams of a business.", \.streams)
        family(
            "tidings_business_behind_streams", "Open streams of a business for which something waits.",
            \.behind)
        family(
            "tidings_business_blocked_streams", "Open streams of a business whose socket takes nothing.",
            \.blocked)
        family(
            "tidings_business_sent_bytes", "Bytes sent by the open streams of a business.", \.sentBytes)
        page.family("tidings_businesses", .gauge, "Businesses with open streams.", tallies.count)
        text = page.text
    }
}
