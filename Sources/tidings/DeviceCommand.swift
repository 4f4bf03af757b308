// `tidings device`: the registered tills.

import ArgumentParser
import Domain
import Lanes
import Registry
import SQLiteEngine

struct DeviceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "List, enrol, revoke and erase tills.",
        subcommands: [List.self, Enrol.self, Revoke.self, Erase.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List tills and how far each has acknowledged.")

        @Option(name: .long, help: "Only of this business.")
        var business: String?
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let business: String
            let device: String
            let name: String
            let state: String
            let acknowledged: Int64?
            let lastSeen: String
        }

        func run() throws {
            let stores = try Stores(source)
            let all = try Stores.complaining {
                try stores.registry().devices(of: try business.map(stores.business))
            }.map {
                Shown(
                    business: $0.business.description, device: $0.device.text, name: $0.name,
                    state: $0.state.rawValue,
                    acknowledged: $0.acknowledged?.rawValue, lastSeen: $0.lastSeenAt.description)
            }
            try output.print(all) {
                Output.table(
                    ["business", "device", "name", "state", "acknowledged", "last seen"],
                    all.map {
                        [
                            $0.business, $0.device, $0.name, $0.state,
                            $0.acknowledged.map(String.init) ?? "-", $0.lastSeen,
                        ]
                    })
            }
        }
    }

    struct Enrol: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a code with which tills of a business register themselves. It is shown once.")

        @Option(name: .long, help: "The id of the business.")
        var business: String
        @Option(name: .long, help: "How many tills may use it, a million at most.")
        var uses = 1
        @Option(name: .long, help: "Hours until it expires, 87600 at most.")
        var hours = 24
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let enrolmentCode: String
        }

        func validate() throws {
            guard (1...1_000_000).contains(uses) else { throw ValidationError("--uses is 1 to 1000000") }
            guard (1...87_600).contains(hours) else { throw ValidationError("--hours is 1 to 87600") }
        }

        func run() throws {
            let stores = try Stores(source)
            let code = try Stores.complaining {
                let business = try stores.business(business)
                return try stores.registry().createEnrolmentCode(
                    business: business, abilities: .till, uses: uses,
                    expiresAt: .now(plusSeconds: Int64(hours) * 3_600))
            }
            try output.print(Shown(enrolmentCode: code.revealed)) { [code.revealed] }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a till's tokens; its streams are cut within a second.")

        @Argument(help: "The till's id.")
        var device: String
        @Option(name: .long, help: "The id of its business.")
        var business: String
        @OptionGroup var source: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        private struct Shown: Encodable {
            let revoked: String
        }

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining {
                guard let id = DeviceID(device) else { throw RegistryError.unknownDevice }
                try stores.registry().revokeDevice(id, business: BusinessID(Key(parsing: business)))
            }
            try output.print(Shown(revoked: device)) { ["till \(device) is revoked"] }
        }
    }

    struct Erase: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove all that is known of a till: tokens, tickets, positions, its sync log.",
            discussion: """
                Its streams end with bye: revoked, at which clients wipe their copies. What it uploaded is the \
                business's and stays, without the till's name.
                """)

        @Argument(help: "The till's id.")
        var device: String
        @Option(name: .long, help: "The id of its business.")
        var business: String
        @OptionGroup var source: ConfigurationOptions

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining {
                guard let id = DeviceID(device) else { throw RegistryError.unknownDevice }
                let business = BusinessID(Key(parsing: business))
                let registry = try stores.registry()
                // Shut out first: no upload begins after that, so none comes behind the erasure. Its row goes
                // last: an erasure that was interrupted can be repeated.
                do { try registry.revokeDevice(id, business: business) } catch RegistryError.unknownDevice {}
                try UploadTraces(file: stores.file).erase(id, of: business)
                try registry.eraseDevice(id, business: business)
            }
        }
    }
}
