package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// The name under which kind's own image provisions its storage class `standard`.
const provisionerName = "rancher.io/local-path"

// localPath makes each volume a folder of the one node.
type localPath struct{ folder string }

func newProvisionerCommand() *cobra.Command {
	volumes := localPath{}
	command := &cobra.Command{
		Use:   "local-path-provisioner",
		Short: "Makes the volumes that claims ask for, as folders of this node",
		RunE: func(*cobra.Command, []string) error {
			config, err := rest.InClusterConfig()
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			ctx := server.SetupSignalContext()
			// There is one of it, so nobody to elect it among.
			controller.NewProvisionController(ctx, client, provisionerName, volumes, controller.LeaderElection(false)).Run(ctx)
			return nil
		},
	}
	command.Flags().StringVar(&volumes.folder, "folder", "/var/local-path-provisioner", "the folder of the volumes")
	return command
}

func (v localPath) Provision(_ context.Context, options controller.ProvisionOptions) (*core.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(v.folder, options.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// Kubernetes gives a pod's fsGroup no right to a folder of the node, so all have it; chmod,
	// because the umask counts for mkdir.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return volume(options, path), controller.ProvisioningFinished, nil
}

func volume(options controller.ProvisionOptions, path string) *core.PersistentVolume {
	mustExist := core.HostPathDirectory
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: options.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity: core.ResourceList{
				core.ResourceStorage: options.PVC.Spec.Resources.Requests[core.ResourceStorage],
			},
			PersistentVolumeSource: core.PersistentVolumeSource{
				HostPath: &core.HostPathVolumeSource{Path: path, Type: &mustExist},
			},
		},
	}
}

func (v localPath) Delete(_ context.Context, volume *core.PersistentVolume) error {
	return os.RemoveAll(filepath.Join(v.folder, volume.Name))
}
