from django.db import migrations

from bidiq.logs import without_credentials


def forget_credentials(apps, schema_editor):
    """Take user and password out of the addresses of sources.

    Of several that differ by them alone the latest has the address from now on, by which it is
    found again; the others keep their notices and searches under another name.
    """
    sources = apps.get_model("searches", "Source").objects
    for source in sources.filter(base_url__contains="@").order_by("-pk"):
        name = without_credentials(source.base_url)
        is_taken = sources.filter(base_url=name).exclude(pk=source.pk).exists()
        source.base_url = f"{name}#{source.pk}" if is_taken else name
        source.save()


class Migration(migrations.Migration):

    dependencies = [
        ('searches', '0014_waiting_by_source'),
    ]

    operations = [
        migrations.RunPython(forget_credentials, migrations.RunPython.noop, elidable=True),
    ]
