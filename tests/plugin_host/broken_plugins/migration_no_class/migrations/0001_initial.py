class Migrations: pass
