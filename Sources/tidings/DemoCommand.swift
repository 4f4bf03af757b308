// `tidings demo`: a shop at work, by a process that knows nothing of the gateway.

import ArgumentParser
import Domain
import Foundation
import GRDB
import SQLiteEngine
import Settings

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Fill the embedded shop with demo data and keep it busy.",
        discussion: """
            Every business without products gets a shop; then sales, price changes, deliveries, new customers and \
            deletions follow, one transaction each. Opening plus purchased minus sold is the stock, always.
            """)

    @Option(name: .long, help: "Transactions a second; 0: only fill.")
    var rate = 2.0
    @Option(name: .long, help: "Stop after this many seconds; without it, run until interrupted.")
    var seconds: Double?
    @Option(name: .long, help: "Products of a new shop.")
    var products = 200
    @Option(name: .long, help: "The same seed writes the same shop.")
    var seed: UInt64 = 1
    @Flag(name: .long, help: "Say nothing.")
    var quiet = false
    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    private struct Said: Encodable {
        let did: String
    }

    func validate() throws {
        guard rate >= 0, rate <= 10_000 else { throw ValidationError("--rate is 0 to 10000") }
    }

    func run() throws {
        let stores = try Stores(source)
        try Stores.complaining {
            // Beside other busy writers it waits for its turn: a demo that gives up is none.
            let queue = try stores.file.open(.writer, busyMode: .timeout(60))
            let businesses = try stores.shop.businesses().compactMap { Int64($0.id.description) }
            guard !businesses.isEmpty else {
                throw ValidationError("there is no business: `tidings business create NAME` first")
            }
            var random = SeededRandom(seed: seed)
            for business in businesses {
                let shop = DemoShop(queue: queue, business: business)
                guard try shop.isEmpty() else { continue }
                try shop.seed(products: products, random: &random)
                try say("business \(business): a shop with \(products) products")
            }
            guard rate > 0 else { return }
            try keepBusy(DemoWriter(queue: queue, businesses: businesses, random: random))
        }
    }

    private func say(_ text: String) throws {
        if !quiet { try output.print(Said(did: text)) { [text] } }
    }

    private func keepBusy(_ writer: DemoWriter) throws {
        let end = seconds.map { Date().addingTimeInterval($0) }
        var next = Date()
        while end.map({ Date() < $0 }) ?? true {
            let said = try writer.step()
            try say(said)
            next = max(next.addingTimeInterval(1 / rate), Date().addingTimeInterval(-1))
            Thread.sleep(until: next)
        }
    }
}
