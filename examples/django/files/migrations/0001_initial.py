from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="File",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("size", models.IntegerField()),
            ],
        ),
    ]
