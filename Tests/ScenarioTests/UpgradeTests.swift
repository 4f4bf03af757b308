// A gateway that is the first thing to run after an upgrade, on files of an older Tidings; and on a newer's;
// and one that is told to go as soon as it is there.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UpgradeTests {
    private static let triggers = """
        SELECT group_concat(name || sql, char(10)) FROM (
          SELECT * FROM sqlite_master WHERE type='trigger' AND name LIKE 'shop_%' ORDER BY name);
        """

    @Test func theShopsOwnTriggersAreTodays() throws {
        let daemon = try Daemon()
        let till = try Uploader(daemon)
        let today = try daemon.sql(Self.triggers)
        #expect(daemon.terminate() == 0)
        // As the first edition had them: an opening counted where there was a row, and nowhere else.
        try daemon.sql(
            """
            DROP TRIGGER shop_stocks_opening_insert; DROP TRIGGER shop_sales_item_update;
            CREATE TRIGGER shop_sales_item_update AFTER UPDATE OF quantity ON sale_items BEGIN SELECT 1; END;
            PRAGMA user_version=1;
            """)
        try daemon.start()
        #expect(try daemon.sql(Self.triggers) == today)
        let isInStep = waitFor(seconds: 30) { try? daemon.tidings("hooks", "status") }
        #expect(isInStep != nil, "hooks are newer than the shop's own triggers again")
        let shop = try till.stockShop()
        #expect(
            try till.send(Uploader.sale(warehouse: shop.warehouse, variant: shop.variant)).success == true)
        try daemon.sql(
            """
            INSERT INTO warehouses(id,business_id,name) VALUES(99,\(till.business),'w');
            INSERT INTO stocks(business_id,variant_id,warehouse_id,opening)
              VALUES(\(till.business),\(shop.variant),99,'5.000');
            """)
        #expect(try daemon.sql("SELECT quantity FROM stocks WHERE warehouse_id=99;") == "5.000")
    }

    @Test func aNewerShopIsRefusedInOneSentence() throws {
        let daemon = try Daemon()
        #expect(daemon.terminate() == 0)
        try daemon.sql("PRAGMA user_version=99;")
        let (status, complaint) = try runToEnd(
            "/usr/bin/env",
            ["timeout", "20", Daemon.executable.path, "serve"] + daemon.settings.flatMap { ["--set", $0] })
        #expect(status == 1)
        #expect(complaint.hasPrefix("tidings: \(daemon.database) has schema 99 and this tidings knows "))
        #expect(complaint.split(separator: "\n").count == 1, "\(complaint)")
        #expect(try daemon.sql("PRAGMA user_version;") == "99")
    }

    /// Whoever reads that it is ready may send it a signal at once.
    @Test func aSignalRightBehindReadyIsHeard() throws {
        let daemon = try Daemon()
        for _ in 0..<5 {
            #expect(daemon.terminate() == 0)
            try daemon.start()
        }
        daemon.hangUp()
        #expect(try daemon.ask("GET", "/nothing", token: "").status == 404)
    }
}
