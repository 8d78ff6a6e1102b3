"""Command line of the models: `python -m ml --help`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ml.comparison.commands import compare
from ml.datasets.commands import manifest, names_of, prepare
from ml.evaluation.commands import agreement, evaluate, precisions, quantise, shortcuts
from ml.exploration.commands import explore
from ml.gate.commands import outliers
from ml.one_line_errors import OneLineErrors

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

app = typer.Typer(cls=OneLineErrors, no_args_is_help=True, add_completion=False, help=__doc__)
train = typer.Typer(no_args_is_help=True, help="Train a network; the same command continues.")
app.add_typer(train, name="train")

Data = Annotated[Path, typer.Option(help="Folder of the data set; it holds manifest.csv.")]


@train.command()
def segmenter(
    data: Data,
    run: Annotated[Path, typer.Option(help="Folder of this run.")] = Path("runs/segmenter"),
    epochs: Annotated[int, typer.Option(help="Passes over the training films.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of split, weights and augmentation.")] = 1,
) -> None:
    """Train the U-Net that finds the lungs (about ten minutes on two cores)."""
    from ml.training.runs import RunFolder
    from ml.training.segmenter import train_segmenter
    from ml.training.settings import SegmenterSettings

    train_segmenter(data, RunFolder(run), SegmenterSettings(epochs=epochs, seed=seed), typer.echo)


@train.command()
def classifier(
    data: Data,
    segmenter: Annotated[Path, typer.Option(help="The trained segmenter.")] = Path(
        "runs/segmenter/model.keras"
    ),
    run: Annotated[Path, typer.Option(help="Folder of this run.")] = Path("runs/classifier"),
    epochs: Annotated[int, typer.Option(help="Epochs over all sizes.")] = 28,
    seed: Annotated[int, typer.Option(help="Seed of split, weights and augmentation.")] = 1,
) -> None:
    """Train CheXNet on lung crops (about an hour on two cores)."""
    from ml.training.classifier import train_classifier
    from ml.training.runs import RunFolder
    from ml.training.settings import ClassifierSettings

    settings = ClassifierSettings(epochs=epochs, seed=seed)
    train_classifier(data, segmenter, RunFolder(run), settings, typer.echo)


@train.command()
def network(
    data: Annotated[Path, typer.Option(help="Folder of a recipe that `prepare` made.")],
    run: Annotated[Path, typer.Option(help="Folder of this run.")],
    backbone: Annotated[
        str,
        typer.Option(
            help="small_cnn, vgg16, mobilenetv2, inceptionv3, resnet50, densenet121 or densenet169."
        ),
    ] = "densenet121",
    augmentation: Annotated[
        str, typer.Option(help="flip_rotate_4, balanced or none.")
    ] = "flip_rotate_4",
    labels: Annotated[
        str, typer.Option(help="The label set, in order, by commas; usually that of the data.")
    ] = "",
    weights: Annotated[
        Path | None, typer.Option(help="File of weights that the backbone starts from.")
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the input, pixels.")] = 224,
    epochs: Annotated[int, typer.Option(help="Passes over the training films.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of weights and augmentation.")] = 1,
    precision: Annotated[str, typer.Option(help="Keras dtype policy.")] = "mixed_bfloat16",
) -> None:
    """Train a network of any backbone for any label set, on a prepared recipe.

    Prints macro F1 and AUC on the validation part after each epoch; the test part is not touched.
    """
    from ml.training.network import train_network
    from ml.training.runs import RunFolder
    from ml.training.settings import NetworkSettings

    settings = NetworkSettings(
        labels=tuple(names_of(labels)),
        backbone=backbone,
        weights=str(weights or ""),
        view=data.resolve().name,
        augmentation=augmentation,
        size=size,
        epochs=epochs,
        seed=seed,
        precision=precision,
    )
    train_network(data, RunFolder(run), settings, typer.echo)


@train.command()
def views(
    data: Data,
    segmenter: Annotated[Path, typer.Option(help="The trained segmenter.")] = Path(
        "runs/segmenter/model.keras"
    ),
    folder: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/views"),
    epochs: Annotated[int, typer.Option(help="Epochs of each run.")] = 5,
    size: Annotated[int, typer.Option(help="Side of the input, pixels.")] = 64,
    seed: Annotated[int, typer.Option(help="Seed of split, weights and augmentation.")] = 1,
) -> None:
    """Compare short runs that see the lungs, the whole film, or only what is outside the lungs.

    Prints a table of figures on validation films; the test part is not touched.
    """
    from ml.training.settings import ClassifierSettings
    from ml.training.view_comparison import compare_views, view_table

    settings = ClassifierSettings(epochs=epochs, sizes=(size,), shares=(1.0,), seed=seed)
    typer.echo(view_table(compare_views(data, segmenter, folder, settings, typer.echo)))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run, of either network.")],
    checkpoint: Annotated[
        bool, typer.Option(help="Export a run that has not ended, as it is now.")
    ] = False,
) -> None:
    """Write a run's model for Keras and for OpenVINO into RUN/export."""
    from ml.export import export_model
    from ml.training.finished import trained_model
    from ml.training.runs import RunFolder

    export_model(trained_model(RunFolder.of(run), checkpoint=checkpoint), run / "export")
    typer.echo(f"exported to {run / 'export'}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of an exported classifier run.")],
    name: Annotated[str, typer.Option(help="The bundle's name.")],
    version: Annotated[str, typer.Option(help="The bundle's version.")],
    out: Annotated[Path, typer.Option(help="Folder that holds bundles.")] = Path("ml/bundles"),
    segmenter: Annotated[
        Path,
        typer.Option(help="Of a run of `train classifier`: folder of the exported segmenter run."),
    ] = Path("runs/segmenter"),
    lungs: Annotated[
        Path,
        typer.Option(help="Of a run of `train network`: the bundle that finds the lungs."),
    ] = Path("ml/bundles/paediatric-pneumonia"),
    data: Annotated[
        Path | None,
        typer.Option(help="Of a run of `train network`: its recipe's folder, where it was moved."),
    ] = None,
    gate: Annotated[
        bool, typer.Option(help="Fit a gate that tells other pictures from such films.")
    ] = True,
    licence: Annotated[str, typer.Option(help="Of the weights of `train network`.")] = "",
) -> None:
    """Calibrate on validation films and write the bundle OUT/NAME."""
    from ml.gate.fitting import GateSettings
    from ml.publish import publish as publish_bundle
    from ml.publish_network import Publication, is_network_run, publish_network
    from ml.training.runs import RunFolder

    folder = RunFolder.of(run)
    if is_network_run(folder):
        fitted = GateSettings() if gate else None
        bundle = publish_network(
            Publication(folder, lungs, out / name, name, version, data, fitted, licence), typer.echo
        )
    elif data or licence or not gate:
        raise ValueError("--data, --licence and --no-gate are for runs of `train network`")
    else:
        bundle = publish_bundle(
            folder, RunFolder.of(segmenter), out / name, name, version, typer.echo
        )
    typer.echo(f"{bundle.key} written to {bundle.path}, checksum {bundle.checksum}")


@app.command()
def demo_films(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the films.")] = Path("ml/demofilms/films"),
    each: Annotated[int, typer.Option(help="Films of each label.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 7,
) -> None:
    """Draw synthetic films from a statistical model of the training films' appearance."""
    from ml.demofilms.sampler import Sampling, make_demo_films

    make_demo_films(data, out, Sampling(each=each, seed=seed), typer.echo)


for command in (
    manifest,
    prepare,
    explore,
    evaluate,
    precisions,
    quantise,
    agreement,
    shortcuts,
    outliers,
    compare,
):
    app.command()(command)

if __name__ == "__main__":
    app()
