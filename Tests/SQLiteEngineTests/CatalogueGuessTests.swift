// A catalogue guessed from a schema is read back, installed, and says what a person must know.

import Domain
import Foundation
import GRDB
import SQLiteEngine
import Settings
import TestThreads
import Testing

@Suite(.waits) struct CatalogueGuessTests {
    /// As a Laravel application's migrations leave it.
    static let laravel = """
        CREATE TABLE migrations(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, migration VARCHAR NOT NULL, batch INTEGER NOT NULL);
        CREATE TABLE businesses(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name VARCHAR NOT NULL);
        CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, business_id INTEGER NOT NULL, name VARCHAR NOT NULL,
          email VARCHAR NOT NULL, email_verified_at DATETIME, password VARCHAR NOT NULL, remember_token VARCHAR,
          two_factor_secret TEXT, created_at DATETIME, updated_at DATETIME);
        CREATE UNIQUE INDEX users_email_unique ON users(email);
        CREATE TABLE products(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, business_id INTEGER NOT NULL, sku VARCHAR NOT NULL,
          name VARCHAR NOT NULL, price NUMERIC(10,2) NOT NULL DEFAULT '0', is_active TINYINT(1) NOT NULL DEFAULT '1',
          options TEXT, photo BLOB, "order" INTEGER, version INTEGER NOT NULL DEFAULT 1, margin REAL AS (price * 0.2),
          created_at DATETIME, updated_at DATETIME, deleted_at DATETIME);
        CREATE UNIQUE INDEX products_sku ON products(business_id, sku);
        CREATE UNIQUE INDEX products_name ON products(lower(name));
        CREATE TABLE orders(uuid VARCHAR PRIMARY KEY NOT NULL, id INTEGER, business_id INTEGER NOT NULL, total DECIMAL(10,2),
          paid_at TEXT, created_at DATETIME, updated_at DATETIME);
        CREATE TABLE order_product(order_uuid VARCHAR NOT NULL REFERENCES orders(uuid) ON DELETE CASCADE, product_id INTEGER NOT NULL,
          quantity INTEGER NOT NULL, PRIMARY KEY(order_uuid, product_id));
        CREATE TABLE tags(name TEXT PRIMARY KEY, business_id INTEGER) WITHOUT ROWID;
        CREATE TABLE settings(id INTEGER PRIMARY KEY, value TEXT);
        INSERT INTO products(business_id,sku,name,options,created_at) VALUES(1,'s','N','{"a": [1]}','2026-01-03 10:00:00');
        INSERT INTO orders(uuid,business_id,paid_at,created_at) VALUES('u-1',1,'2026-01-03 10:00:00','2026-01-03 10:00:00');
        """

    private func guess(_ fixture: AttachedFixture) throws -> String {
        try CatalogueGuess(path: fixture.file.path, business: .integer(1)).yaml()
    }

    @Test func aLaravelSchemaIsUnderstood() throws {
        let fixture = try AttachedFixture(schema: Self.laravel, installs: false)
        let yaml = try guess(fixture)
        let catalogue = try CatalogueFile.parse(yaml, file: "guess.yaml")
        #expect(catalogue.entities.map(\.name.text) == ["users", "products", "orders"])
        for entity in catalogue.entities { #expect(entity.business == .column("business_id")) }
        let (users, products, orders) = (catalogue.entities[0], catalogue.entities[1], catalogue.entities[2])

        #expect(users.fields.map(\.name) == ["name", "email", "email_verified_at"], "no password, no token")
        #expect(yaml.contains("# hidden: password, remember_token, two_factor_secret"))
        #expect(users.replaceKeys.map(\.columns) == [["email"]])
        #expect((users.versionColumn, users.deletedAtColumn) == (nil, nil))

        #expect(
            products.fields == [
                FieldDefinition(name: "sku"), FieldDefinition(name: "name"),
                FieldDefinition(name: "price", cast: .decimalString),
                FieldDefinition(name: "is_active", cast: .boolean),
                FieldDefinition(name: "options", cast: .json),
                FieldDefinition(name: "order"),
            ])
        #expect(products.versionColumn == "version" && products.deletedAtColumn == "deleted_at")
        #expect(products.replaceKeys.map(\.columns) == [["business_id", "sku"]])
        for comment in [
            "generated, which hooks cannot follow: margin", "photo", "UNIQUE index over an expression",
        ] {
            #expect(yaml.contains(comment), "\(comment)")
        }

        #expect((orders.keyColumn, orders.keyKind) == ("uuid", .text))
        #expect(orders.fields.first { $0.name == "paid_at" }?.cast == .timestamp)
        #expect(orders.fields.contains(FieldDefinition(name: "own_id", column: "id")))
        #expect(yaml.contains("# time_zone:"))

        for reason in [
            "migrations: a framework's own", "businesses: it has no business_id",
            "settings: it has no business_id",
            "tags: it is WITHOUT ROWID",
            "order_product: its key is composite (order_uuid, product_id); it could be embedded in orders",
        ] { #expect(yaml.contains(reason), "\(reason)") }
    }

    @Test func aGuessInstallsAndTheSuggestedChildrenTravelInside() throws {
        let fixture = try AttachedFixture(schema: Self.laravel, installs: false)
        let lines = try guess(fixture).split(separator: "\n", omittingEmptySubsequences: false)
        // The glance of a person: the suggested embedding is wanted.
        let accepted = lines.map { line in
            line.hasPrefix("    # embed:") || line.hasPrefix("    #   ")
                ? "    " + line.dropFirst(6) : String(line)
        }.joined(separator: "\n")
        let catalogue = try CatalogueFile.parse(accepted, file: "guess.yaml")
        let installer = HookInstaller(
            queue: try fixture.file.open(.writer), catalogue: catalogue,
            generator: HookGenerator(writesVersionBack: false))
        try installer.install()
        #expect(try installer.status().isInStep)
        try fixture.write(
            "INSERT INTO order_product VALUES('u-1', 1, 3);")
        #expect(try fixture.count("SELECT version FROM tidings_state WHERE id='u-1'") == 2)
        let types = TypeScriptRecords(
            catalogue: catalogue, declared: try DeclaredTypes(file: fixture.file, catalogue: catalogue)
        ).text
        for line in [
            "export interface OrdersRecord {", "  id: string;", "  paid_at: string | null;",
            "  order_product: {",
            "    quantity: number;", "  }[];", "  options: unknown;", "  is_active: boolean;",
            "  price: string;",
            "  orders: OrdersRecord;", "export type EntityName = keyof Entities;",
        ] { #expect(types.contains(line + "\n"), "\(line)") }
        #expect(!types.contains("password"))
    }

    @Test func oneBusinessWhereNoColumnTellsThemApart() throws {
        let fixture = try AttachedFixture(
            schema: """
                CREATE TABLE [Order Details]([Order ID] INTEGER PRIMARY KEY, UnitPrice NUMERIC(10,2), [Ship Date] DATETIME, "it's" TEXT);
                CREATE TABLE MediaType(MediaTypeId INTEGER NOT NULL PRIMARY KEY, Name NVARCHAR(120), ApiKey TEXT);
                CREATE TABLE Tag(name TEXT COLLATE NOCASE PRIMARY KEY);
                """, installs: false)
        let yaml = try CatalogueGuess(path: fixture.file.path, business: .text("main")).yaml()
        let catalogue = try CatalogueFile.parse(yaml, file: "guess.yaml")
        #expect(catalogue.entities.map(\.name.text) == ["order_details", "media_type"])
        #expect(catalogue.entities.allSatisfy { $0.business == .fixed(.text("main")) })
        #expect(catalogue.entities[0].fields.map(\.column) == ["UnitPrice", "Ship Date", "it's"])
        #expect(
            yaml.contains("# hidden: ApiKey") && yaml.contains("Tag: its key name is compared without case"))
        let installer = HookInstaller(
            queue: try fixture.file.open(.writer), catalogue: catalogue,
            generator: HookGenerator(writesVersionBack: false))
        try installer.install()
        try fixture.write("INSERT INTO [Order Details]([Order ID]) VALUES(4);")
        #expect(try fixture.one("SELECT business FROM tidings_state WHERE id=4") == "main")
    }
}
