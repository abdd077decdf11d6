from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core.actors import system_actor
from core.models import Collection, Event, PublishedSnapshot, Record
from core.scope import tenant_scope
from core.services.collections import create_collection
from core.services.records import create_record, update_record
from tenants.models import Tenant

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "data" / "nodejs-blog"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(1, 4):
        write(
            tmp_path,
            f"post-{number}.md",
            f"---\ntitle: Post {number}\ncategory: news\ndate: 2020-01-0{number}\n---\nText {number}",
        )
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def run(folder: Path, tenant: Tenant, *flags: str, collection: str = "posts") -> str:
    out = StringIO()
    arguments = ["import", str(folder), "--tenant", tenant.slug, "--collection", collection, *flags]
    call_command("content", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def failing_run(folder: Path, tenant: Tenant, *flags: str, collection: str = "posts") -> tuple[str, str]:
    out = StringIO()
    arguments = ["import", str(folder), "--tenant", tenant.slug, "--collection", collection, *flags]
    with pytest.raises(CommandError) as caught:
        call_command("content", *arguments, stdout=out, stderr=out)
    return out.getvalue(), str(caught.value)


def test_import_infers_creates_and_publishes(folder: Path, tenant: Tenant) -> None:
    output = run(folder, tenant, "--infer", "--publish")

    assert "3 files: 3 created, 0 updated, 3 published, 0 unchanged, 0 failed." in output
    with tenant_scope(tenant.id):
        record = Record.objects.get(slug="post-2")
        assert (record.title, record.data) == (
            "Post 2",
            {"category": "news", "date": "2020-01-02", "body": "Text 2"},
        )
        assert (record.state, record.source_path) == ("published", "post-2.md")
        assert str(record.published_at) == "2020-01-02 00:00:00+00:00"
        assert PublishedSnapshot.objects.count() == 3


def test_import_again_changes_nothing(folder: Path, tenant: Tenant) -> None:
    run(folder, tenant, "--infer", "--publish")
    with tenant_scope(tenant.id):
        events = Event.objects.count()

    output = run(folder, tenant, "--infer", "--publish")

    assert "0 created, 0 updated, 0 published, 3 unchanged, 0 failed." in output
    assert "0 changes." in output
    with tenant_scope(tenant.id):
        assert Event.objects.count() == events


def test_import_updates_a_changed_file(folder: Path, tenant: Tenant) -> None:
    run(folder, tenant, "--infer", "--publish")
    write(
        folder, "post-1.md", "---\ntitle: Post 1, corrected\ncategory: news\ndate: 2020-01-01\n---\nNew text"
    )

    output = run(folder, tenant, "--publish")

    assert "0 created, 1 updated, 1 published, 2 unchanged, 0 failed." in output
    with tenant_scope(tenant.id):
        record = Record.objects.get(source_path="post-1.md")
        assert (record.title, record.slug, record.data["body"]) == ("Post 1, corrected", "post-1", "New text")


def test_import_later_with_publish_publishes_what_was_left(folder: Path, tenant: Tenant) -> None:
    run(folder, tenant, "--infer")

    assert "0 created, 0 updated, 3 published, 0 unchanged" in run(folder, tenant, "--publish")


def test_import_leaves_drafts_unpublished(folder: Path, tenant: Tenant) -> None:
    write(folder, "secret.md", "---\ntitle: Secret\ndraft: true\n---\nx")

    assert "4 created, 0 updated, 3 published" in run(folder, tenant, "--infer", "--publish")


def test_import_of_a_bad_file_loses_nothing_else(folder: Path, tenant: Tenant) -> None:
    write(folder, "bad-yaml.md", "---\ntitle: [x\n---\n")
    write(folder, "bad-value.md", "---\ntitle: T\ndate: soon\n---\n")
    with tenant_scope(tenant.id, actor=system_actor("tests")):
        schema = {
            "properties": {
                "category": {"type": "string"},
                "date": {"type": "string", "format": "date"},
                "body": {"type": "string", "x-widget": "markdown"},
            }
        }
        create_collection(name="posts", schema=schema)
        create_record(collection="posts", data={}, title="Taken", slug="post-3")

    output, error = failing_run(folder, tenant)

    assert error == "3 files have faults (listed above)."
    assert "bad-yaml.md: line 2: YAML:" in output
    assert "bad-value.md: The posts record does not fit its schema.\n    /data/date:" in output
    assert "post-3.md: The slug 'post-3' is taken; choose another." in output
    assert "5 files: 2 created" in output
    with tenant_scope(tenant.id):
        paths = Record.objects.exclude(source_path="").values_list("source_path", flat=True)
        assert sorted(paths) == ["post-1.md", "post-2.md"]


def test_import_dry_run_writes_nothing(folder: Path, tenant: Tenant) -> None:
    output = run(folder, tenant, "--infer", "--publish", "--dry-run")

    assert "Would make the collection posts with the fields category, date, body." in output
    assert "Dry run: 3 to create, 0 to update, 0 unchanged; nothing was written." in output
    with tenant_scope(tenant.id):
        assert not Collection.objects.exists()


def test_import_with_infer_widens_the_schema(folder: Path, tenant: Tenant) -> None:
    run(folder, tenant, "--infer")
    write(folder, "post-4.md", "---\ntitle: Post 4\nsponsor: Someone\n---\nx")

    _, error = failing_run(folder, tenant)
    assert error == "1 file has faults (listed above)."
    assert "1 created" in run(folder, tenant, "--infer")


def test_import_keeps_an_edit_by_hand_until_the_file_changes(folder: Path, tenant: Tenant) -> None:
    run(folder, tenant, "--infer")
    with tenant_scope(tenant.id, actor=system_actor("tests")):
        record = Record.objects.get(source_path="post-1.md")
        update_record(record_id=record.pk, title="By hand")

    assert "3 unchanged" in run(folder, tenant)


def test_import_says_what_is_not_there(folder: Path, tenant: Tenant) -> None:
    assert failing_run(folder / "nowhere", tenant)[1] == f"There is no folder {folder / 'nowhere'}."
    _, error = failing_run(folder, tenant)
    assert error == "There is no collection 'posts'. Add --infer to make it from the files."
    _, error = failing_run(folder, tenant, "--infer", collection="Bad Name")
    assert "/name Begin with a letter" in error
    with pytest.raises(CommandError, match="There is no tenant 'nobody-at-all'"):
        call_command("content", "import", str(folder), "--tenant", "nobody-at-all", "--collection", "posts")


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the real content is not here: {CORPUS}")
def test_import_takes_the_whole_real_blog_and_nothing_the_second_time(tenant: Tenant) -> None:
    first = run(CORPUS, tenant, "--infer", "--publish")
    second = run(CORPUS, tenant, "--infer", "--publish")

    assert "321 files: 321 created, 0 updated, 321 published, 0 unchanged, 0 failed." in first
    assert "0 created, 0 updated, 0 published, 321 unchanged, 0 failed.\n0 changes." in second
